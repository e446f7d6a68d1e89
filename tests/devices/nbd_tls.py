# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""NBD with TLS: certificates and shared keys that the tools of GnuTLS make, and foreign clients."""

import functools
import os
import shutil
import socket
import time
import urllib.parse

from nbd import disk
from program import TIMEOUT, check, client, path, program, run

TEMPLATES = {
    "ca": ("cn = authority", "ca", "cert_signing_key"),
    "other": ("cn = other authority", "ca", "cert_signing_key"),
    "server": ("cn = localhost", "dns_name = localhost", "ip_address = 127.0.0.1",
               "tls_www_server", "signing_key"),
    "client": ("cn = alice", "tls_www_client", "signing_key"),
}


def pem(name):
    return os.path.join(folder(), f"{name}.pem")


def certtool(*arguments, key):
    client("certtool", *arguments, "--load-privkey", pem(f"{key}-key"))


@functools.lru_cache(maxsize=1)
def folder():
    """Certificates of an authority, of a server and of a client; and the keys of bob."""
    made = path("tls")
    os.mkdir(made)
    for name, lines in TEMPLATES.items():
        with open(f"{made}/{name}", "w", encoding="ascii") as file:
            file.write("\n".join((*lines, "expiration_days = 100", "")))
        client("certtool", "--generate-privkey", "--key-type=ecdsa", "--outfile",
               f"{made}/{name}-key.pem")
        os.chmod(f"{made}/{name}-key.pem", 0o600)
        signer = ["--generate-self-signed"] if "ca" in lines else [
            "--generate-certificate", f"--load-ca-certificate={made}/ca-cert.pem",
            f"--load-ca-privkey={made}/ca-key.pem"]
        client("certtool", *signer, "--load-privkey", f"{made}/{name}-key.pem", "--template",
               f"{made}/{name}", "--outfile", f"{made}/{name}-cert.pem")
    client("psktool", "-u", "bob", "-p", f"{made}/keys.psk")
    os.chmod(f"{made}/keys.psk", 0o600)
    return made


def by_certificate(**changes):
    words = {"tls-certificates": folder(), **changes}
    return "nbds://127.0.0.1:0/disk?" + urllib.parse.urlencode(words, safe="/")


def by_key(scheme="nbds+unix", socket_name="tls.sock"):
    return f"{scheme}:///disk?socket={path(socket_name)}&tls-psk-file={folder()}/keys.psk"


def with_key(server, keys="keys.psk"):
    """The URI for a client that is bob."""
    return server.url.replace(":///", "://bob@/").replace("nbd+", "nbds+") + (
        f"&tls-psk-file={folder()}/{keys}")


def says(server, words):
    """The log has a thread of its own, so a client may know sooner than the file."""
    deadline = time.monotonic() + TIMEOUT
    while words not in server.errors():
        check(time.monotonic() < deadline, server.errors())
        time.sleep(0.01)


def fails(server, url, reason):
    client("nbdinfo", url, status=1)
    says(server, reason)


def speaks_tls(url):
    said = client("nbdinfo", url)
    check("newstyle-fixed with TLS, using structured packets" in said, said)


def a_certificate_opens_the_disk():
    with disk("-p", by_certificate()) as server:
        url = f"{server.url}?tls-certificates={folder()}"
        speaks_tls(url)
        says(server, ", CN=alice")
        with open(path("tls.data"), "wb") as file:
            file.write(os.urandom(8 << 20))
        client("nbdcopy", "--connections=3", path("tls.data"), url)
        client("qemu-img", "compare", "--object",
               f"tls-creds-x509,id=t,dir={folder()},endpoint=client", "--image-opts",
               f"driver=file,filename={path('tls.data')}",
               f"driver=nbd,host=127.0.0.1,port={urllib.parse.urlsplit(server.url).port},"
               "export=disk,tls-creds=t")


def a_client_without_its_certificate_is_refused():
    bare = path("bare")
    os.mkdir(bare)
    shutil.copy(pem("ca-cert"), bare)
    with disk("-p", by_certificate()) as server:
        fails(server, f"{server.url}?tls-certificates={bare}", "Certificate is required")
    with disk("-p", by_certificate(**{"tls-verify-peer": 0})) as server:
        speaks_tls(f"{server.url}?tls-certificates={bare}")


def a_certificate_of_another_authority_is_refused():
    # The server names its authority, so the client of GnuTLS keeps its certificate back.
    with disk("-p", by_certificate(**{"tls-ca": pem("other-cert")})) as server:
        fails(server, f"{server.url}?tls-certificates={folder()}", "Certificate is required")


def a_shared_key_opens_the_disk():
    with disk("-p", by_key()) as server:
        speaks_tls(with_key(server))
        says(server, ", user bob")
        said = client("qemu-img", "info", "--object",
                      f"tls-creds-psk,id=t,dir={folder()},endpoint=client,username=bob",
                      "--image-opts",
                      f"driver=nbd,path={path('tls.sock')},export=disk,tls-creds=t")
        check("8 MiB" in said, said)


def a_wrong_key_is_refused():
    with open(f"{folder()}/wrong.psk", "w", encoding="ascii") as file:
        file.write("bob:" + 32 * "0" + "\n")
    with disk("-p", by_key()) as server:
        fails(server, with_key(server, "wrong.psk"), "its name or its key is none of the file")
        speaks_tls(with_key(server))


def a_client_without_tls_is_refused_where_it_has_to_be():
    with disk("-p", by_key()) as server:
        said = client("nbdinfo", server.url.replace("nbds+", "nbd+"), status=1)
        check("TLS" in said or "not supported" in said, said)
    with disk("-p", by_key("nbd+unix")) as server:
        said = client("nbdinfo", server.url)
        check("newstyle-fixed without TLS" in said, said)
        speaks_tls(with_key(server))


def wish(sock, more=b""):
    """Asks for TLS; returns all that has come up to the answer, or to the end."""
    sock.settimeout(TIMEOUT)
    sock.connect(path("tls.sock"))
    sock.sendall(bytes((0, 0, 0, 3)) + b"IHAVEOPT" + (5).to_bytes(4, "big") + bytes(4) + more)
    got, piece = b"", b"x"
    while piece and len(got) < 18 + 20:
        piece = sock.recv(100)
        got += piece
    return got


def what_follows_the_wish_for_tls_ends_the_connection():
    with disk("-p", by_key()) as server, socket.socket(socket.AF_UNIX) as eager:
        check(len(wish(eager, b"IHAVEOPT")) <= 18 + 20 and eager.recv(100) == b"", "it goes on")
        says(server, "something follows its wish for TLS")


def clients_go_on_while_another_one_is_in_its_handshake():
    with disk("-p", by_key()) as server, socket.socket(socket.AF_UNIX) as slow:
        wish(slow)
        slow.sendall(b"\x16\x03\x01\x02\0\x01")  # the begin of a hello
        speaks_tls(with_key(server))
        client("nbdcopy", with_key(server), "null:")


def a_network_needs_clients_that_prove_who_they_are():
    for words in ({"tls-verify-peer": 0}, {"tls-verify-peer": 0, "tls-psk-file": pem("ca-key")}):
        _, errors = run("memdisk", "--size", "1M", "-p",
                        by_certificate(**words).replace("127.0.0.1", "0.0.0.0"), status=1)
        check("0.0.0.0 is not" in errors or "NAME:KEY" in errors, errors)
    with disk("-p", by_certificate().replace("127.0.0.1", "0.0.0.0")) as server:
        speaks_tls(server.url.replace("0.0.0.0", "127.0.0.1") + f"?tls-certificates={folder()}")


def what_is_wrong_with_files_is_said():
    os.chmod(pem("client-key"), 0o640)
    wrong = {
        "nbds://127.0.0.1:0/disk": "tls-psk-file=FILE",
        by_certificate(**{"tls-key": pem("client-key")}): "chmod 600 it",
        by_certificate(**{"tls-key": pem("ca-key")}): "key",
        by_certificate(**{"tls-cert": pem("none")}): "none.pem",
        by_certificate(**{"tls-ca": pem("server-key")}): "server-key.pem",
        by_certificate(**{"tls-verify-peer": "yes"}): "0 or 1",
        f"nbds://127.0.0.1:0/disk?tls-cert={pem('server-cert')}": "tls-key=FILE",
        f"nbds://127.0.0.1:0/disk?tls-ca={pem('ca-cert')}": "tls-cert=FILE",
        f"nbds://127.0.0.1:0/disk?tls-cert={pem('server-cert')}&tls-key={pem('server-key')}":
            "tls-verify-peer=0",
        f"nbds://127.0.0.1:0/disk?tls-psk-file={pem('server-key')}": "line 1",
    }
    for url, words in wrong.items():
        said = client(program("memdisk"), "--size", "1M", "-p", url, status=None)
        check(words in said and "serving" not in said, f"{url}: {said}")
    os.chmod(pem("client-key"), 0o600)


def reads_all(url):
    check(client("nbdinfo", "--size", url).strip() == str(8 << 20), url)
    client("nbdcopy", url, "null:")


def a_sandboxed_disk_serves_each_door():
    with disk("-p", f"nbd+unix:///disk?socket={path('clear.sock')}", "-p", "nbd://127.0.0.1:0/disk",
              "--sandbox", doors=2) as server:
        for url in server.uris:
            reads_all(url)
        check("sandbox:" not in server.errors(), server.errors())
    with disk("-p", by_key(socket_name="boxed.sock"), "-p", by_certificate(), "--sandbox",
              doors=2) as server:
        reads_all(with_key(server))
        reads_all(f"{server.uris[1]}?tls-certificates={folder()}")
    check("sandbox:" not in server.errors(), server.errors())


TESTS = [a_certificate_opens_the_disk, a_client_without_its_certificate_is_refused,
         a_certificate_of_another_authority_is_refused, a_shared_key_opens_the_disk,
         a_wrong_key_is_refused, a_client_without_tls_is_refused_where_it_has_to_be,
         what_follows_the_wish_for_tls_ends_the_connection,
         clients_go_on_while_another_one_is_in_its_handshake,
         a_network_needs_clients_that_prove_who_they_are, what_is_wrong_with_files_is_said,
         a_sandboxed_disk_serves_each_door]
