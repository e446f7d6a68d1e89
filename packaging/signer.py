# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Signs for the steps of scripts/dist: by osslsigncode, with the certificate that variables name.

SIGN           nothing: no signatures; test: a self-made certificate, kept in build/certificate;
               else the certificate: a PEM file with its chain, a PKCS #12 file (.p12, .pfx), or a
               pkcs11: URI
SIGN_KEY       the private key, unless the PKCS #12 file has it: a PEM file or a pkcs11: URI
SIGN_PASSWORD  a file with the password of the PKCS #12 file or key, or the token's PIN
SIGN_MODULE    the PKCS #11 module of the token, a shared library
SIGN_TIMESTAMP a time-stamp authority's URL (RFC 3161); without it signatures end with the
               certificate

No secret is in a variable or on a command line, where other users and logs would see it.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(os.environ["BUILD"]) / "certificate"
KEY, CERTIFICATE = FOLDER / "key.pem", FOLDER / "certificate.pem"
NAME = "/CN=WinSpd test certificate, for machines of testers alone"
UNSIGNED = "nothing is signed: SIGN=test takes a self-made certificate, doc/windows.md says more"
SIGN = os.environ.get("SIGN", "")


def run(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"sign: {command[0]} failed:\n{done.stdout.strip()}")
    return done.stdout


def tool(name):
    if not shutil.which(name):
        sys.exit(f"sign: there is no {name}; `make dist` installs it")
    return name


def make_certificate():
    """Once: testers who trust it need not do so again for the next build."""
    if KEY.exists() and CERTIFICATE.exists():
        return
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    before = os.umask(0o077)
    run(tool("openssl"), "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-sha256",
        "-days", 3650, "-subj", NAME, "-keyout", KEY, "-out", CERTIFICATE,
        "-addext", "extendedKeyUsage=critical,codeSigning",
        "-addext", "keyUsage=critical,digitalSignature",
        "-addext", "basicConstraints=critical,CA:FALSE")
    os.umask(before)


def public_part(path):
    """The test certificate as Windows imports it: DER, without the key."""
    run("openssl", "x509", "-in", CERTIFICATE, "-outform", "DER", "-out", path)


def variable(name, why):
    value = os.environ.get(name)
    if not value:
        sys.exit(f"sign: {why} needs {name}")
    return value


def readable(path, what):
    if not Path(path).is_file():
        sys.exit(f"sign: {what} is {path}, which is no file; an absolute path is safest")
    return path


def is_token(name):
    return name.startswith("pkcs11:")


def token():
    """A URI may hold the PIN, and everybody can read a command line."""
    for name in ("SIGN", "SIGN_KEY"):
        if re.search(r"[?&;]pin-value=", os.environ.get(name, "")):
            sys.exit(f"sign: {name} has a PIN in it; put the PIN into a file, and its name into "
                     "SIGN_PASSWORD")
    module = readable(variable("SIGN_MODULE", "a token"), "SIGN_MODULE")
    certificate = ["-pkcs11cert", SIGN] if is_token(SIGN) else ["-certs", readable(SIGN, "SIGN")]
    return ["-pkcs11module", module, *certificate, "-key", variable("SIGN_KEY", "a token")]


def identity():
    """The words of osslsigncode that name who signs."""
    if SIGN == "test":
        make_certificate()
        return ["-certs", CERTIFICATE, "-key", KEY]
    if is_token(SIGN) or is_token(os.environ.get("SIGN_KEY", "")):
        words = token()
    elif Path(SIGN).suffix in (".p12", ".pfx"):
        words = ["-pkcs12", readable(SIGN, "SIGN")]
    else:
        words = ["-certs", readable(SIGN, "SIGN"),
                 "-key", readable(variable("SIGN_KEY", "a PEM certificate"), "SIGN_KEY")]
    if os.environ.get("SIGN_PASSWORD"):
        words += ["-readpass", readable(os.environ["SIGN_PASSWORD"], "SIGN_PASSWORD")]
    return words


def sign(path):
    """Replaces a file by itself with a signature. A certificate with a time stamp is asked for the
    time; the test certificate's signatures depend on nothing but the file and the key."""
    words = ["-h", "sha256", "-n", "WinSpd", "-in", path, "-out", f"{path}.signed"]
    if os.environ.get("SIGN_TIMESTAMP"):
        words += ["-ts", os.environ["SIGN_TIMESTAMP"]]
    else:
        words += ["-time", os.environ["SOURCE_DATE_EPOCH"]]
    Path(f"{path}.signed").unlink(missing_ok=True)
    run(tool("osslsigncode"), "sign", *identity(), *words)
    os.replace(f"{path}.signed", path)
    os.utime(path, (int(os.environ["SOURCE_DATE_EPOCH"]),) * 2)
