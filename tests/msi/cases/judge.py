# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Finds the faults of a package in its tables: those that Windows Installer's own consistency
checks (ICE) would find, and others. Each rule yields complaints."""

import re
from collections import Counter

from .expected import (ACTION_TYPES, CONDITIONS, FEATURES, FILES, GUIDS, ORDER, PROPERTIES,
                       REGISTRY, SERVICE)
from .package import STAGE, cabinet

DEFERRED = 0x400
GUID = re.compile(r"\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}")
SHORT = re.compile(r"[A-Za-z0-9_~-]{1,8}(\.[A-Za-z0-9_-]{1,3})?")
# table, column: whose first column it names
REFERENCES = [
    ("File", "Component_", "Component"), ("Component", "Directory_", "Directory"),
    ("Directory", "Directory_Parent", "Directory"), ("Registry", "Component_", "Component"),
    ("FeatureComponents", "Component_", "Component"), ("FeatureComponents", "Feature_", "Feature"),
    ("Environment", "Component_", "Component"), ("ServiceInstall", "Component_", "Component"),
    ("ServiceControl", "Component_", "Component"), ("MsiFileHash", "File_", "File"),
    ("AppSearch", "Signature_", "RegLocator"), ("Feature", "Directory_", "Directory"),
]


def first(package, table):
    return [next(iter(row.values())) for row in package.rows(table)]


def twice(values):
    return sorted(value for value, count in Counter(values).items() if count > 1)


def folder(package, key):
    """Below the installation folder."""
    parents = {row["Directory"]: row for row in package.rows("Directory")}
    names = []
    while key != "INSTALLDIR" and key in parents:
        names.insert(0, parents[key]["DefaultDir"].rpartition("|")[2])
        key = parents[key]["Directory_Parent"]
    return "/".join(names)


def long_name(row):
    return row["FileName"].rpartition("|")[2]


def paths(package):
    """Each file with its place, feature and condition."""
    components = {row["Component"]: row for row in package.rows("Component")}
    features = {row["Component_"]: row["Feature_"] for row in package.rows("FeatureComponents")}
    for row in package.rows("File"):
        component = components.get(row["Component_"], {"Directory_": "", "Condition": ""})
        place = f"{folder(package, component['Directory_'])}/{long_name(row)}".lstrip("/")
        yield features.get(row["Component_"]), place, component["Condition"], row


def every_file_is_where_it_should_be(package):
    found = {(feature, place, condition) for feature, place, condition, _ in paths(package)}
    for missing in sorted(FILES - found):
        yield f"missing: {missing}"
    for unknown in sorted(found - FILES):
        yield f"not expected: {unknown}"


def names_are_short_and_long(package):
    for _, place, _, row in paths(package):
        short, _, long = row["FileName"].rpartition("|")
        if not SHORT.fullmatch(short or long):
            yield f"{place}: its short name is {short or long}"
    for row in package.rows("Directory"):
        short, _, long = row["DefaultDir"].rpartition("|")
        if row["Directory"] != "TARGETDIR" and not SHORT.fullmatch(short or long) and long != ".":
            yield f"folder {long}: its short name is {short or long}"
    rows = [(folder(package, component["Directory_"]), row["FileName"].partition("|")[0].upper(),
             component["Condition"].removeprefix("NOT ") and component["Condition"])
            for component in package.rows("Component") for row in package.rows("File")
            if row["Component_"] == component["Component"]]
    for name in twice(rows):
        yield f"two files called {name}"


def components_are_sound(package):
    files = {row["File"]: row["Component_"] for row in package.rows("File")}
    values = {row["Registry"]: row["Component_"] for row in package.rows("Registry")}
    used = set(first(package, "Feature")) and {row["Component_"] for row in
                                               package.rows("FeatureComponents")}
    for row in package.rows("Component"):
        name, paths_of = row["Component"], values if int(row["Attributes"]) & 4 else files
        if not GUID.fullmatch(row["ComponentId"]):
            yield f"{name}: its GUID is {row['ComponentId']}"
        if paths_of.get(row["KeyPath"]) != name:
            yield f"{name}: its key path {row['KeyPath']} is not its own"
        if name not in used:
            yield f"{name}: of no feature"
        if int(row["Attributes"]) & ~4:
            yield f"{name}: its attributes are {row['Attributes']}"
    for guid in twice(row["ComponentId"] for row in package.rows("Component")):
        yield f"two components have the GUID {guid}"
    for name in twice(row["Component_"] for row in package.rows("FeatureComponents")):
        yield f"{name}: of two features"


def guids_stay(package):
    found = {row["Component"]: row["ComponentId"] for row in package.rows("Component")}
    for name, guid in GUIDS.items():
        if found.get(name) != guid:
            yield f"{name}: its GUID was {guid} in former releases, and is {found.get(name)}"


def references_lead_somewhere(package):
    for table, column, target in REFERENCES:
        known = set(first(package, target))
        for row in package.rows(table):
            if row[column] and row[column] not in known:
                yield f"{table}.{column}: there is no {target} {row[column]}"


def the_cabinet_has_the_files(package):
    media = package.rows("Media")
    if len(media) != 1 or media[0]["Cabinet"][1:] not in package.streams:
        yield f"no cabinet for {media}"
        return
    sequences = sorted(int(row["Sequence"]) for row in package.rows("File"))
    if sequences != list(range(1, len(sequences) + 1)):
        yield f"sequence numbers of files: {sequences}"
    if int(media[0]["LastSequence"]) != sequences[-1]:
        yield f"the medium ends with file {media[0]['LastSequence']} of {sequences[-1]}"
    held = cabinet(package.stream(media[0]["Cabinet"][1:]))
    wanted = {row["File"]: int(row["FileSize"]) for row in package.rows("File")}
    order = sorted(wanted, key=lambda key: next(
        int(row["Sequence"]) for row in package.rows("File") if row["File"] == key))
    if held != wanted or list(held) != order:
        yield f"the cabinet has {held}, the table {wanted}"


def version_of(data):
    at = data.find(b"\xbd\x04\xef\xfe") if data[:2] == b"MZ" else -1
    words = [int.from_bytes(data[at + 8 + 2 * i:at + 10 + 2 * i], "little") for i in (1, 0, 3, 2)]
    return ".".join(map(str, words)) if at >= 0 else ""


def files_can_be_compared(package):
    """By version, which has to be the file's own, or by hash."""
    hashed = {row["File_"] for row in package.rows("MsiFileHash")}
    for _, place, _, row in paths(package):
        if bool(row["Version"]) == (row["File"] in hashed):
            yield f"{place}: version {row['Version']!r}, and a hash: {row['File'] in hashed}"
        staged = STAGE / long_name(row)
        actual = version_of(staged.read_bytes()) if staged.exists() else ""
        if row["Version"] != actual:
            yield f"{place}: version {row['Version']!r} in the table, {actual!r} in the file"


def features_are_as_they_should_be(package):
    found = {row["Feature"]: (int(row["Level"]), int(row["Attributes"]))
             for row in package.rows("Feature")}
    if found != FEATURES:
        yield f"features: {found}"


def sequence(package, table="InstallExecuteSequence"):
    return {row["Action"]: int(row["Sequence"]) for row in package.rows(table)}


def actions_come_in_order(package):
    at = sequence(package)
    for number in twice(number for name, number in at.items() if not name.startswith("Set.")
                        and not name.endswith(".x86")):
        yield f"two actions at {number}"
    for names in ORDER:
        missing = [name for name in names if name not in at]
        if missing:
            yield f"no {', '.join(missing)}"
        elif sorted(names, key=at.get) != list(names):
            yield f"not in this order: {' '.join(names)}"


def custom_actions_are_sound(package):
    at, streams = sequence(package), set(first(package, "Binary"))
    found = {}
    for row in package.rows("CustomAction"):
        name, kind = row["Action"], int(row["Type"])
        if name not in at:
            yield f"{name}: in no sequence"
        elif kind == 51:
            if not at["CostFinalize"] < at[name] < at["InstallInitialize"]:
                yield f"{name}: folders are not known there, or it is too late"
        else:
            found[name] = kind
            if row["Source"] not in streams:
                yield f"{name}: there is no {row['Source']}"
            elif kind & 3 == 1 and row["Target"].encode() + b"\0" not in package.stream(
                    f"Binary.{row['Source']}"):
                yield f"{name}: {row['Source']} has no {row['Target']}"
            if kind & DEFERRED and not at["InstallInitialize"] < at[name] < at["InstallFinalize"]:
                yield f"{name}: deferred, but outside the transaction"
    for name, kind in found.items():
        if kind != ACTION_TYPES.get(name.rpartition(".")[0]):
            yield f"{name}: its type is {kind}"
        if kind & 3 == 1 and kind & DEFERRED and f"Set.{name}" not in at:
            yield f"{name}: nobody gives it a command"
    for arch in ("x64", "x86"):
        for name in sorted(set(ACTION_TYPES) - {key.rpartition(".")[0] for key in found
                                                if key.endswith(arch)}):
            yield f"there is no {name}.{arch}"


def conditions_name_what_there_is(package):
    known = {"$": set(first(package, "Component")), "&": set(first(package, "Feature"))}
    for row in package.rows("InstallExecuteSequence"):
        for kind, name in re.findall(r"([$&])([\w.]+)", row["Condition"]):
            if name not in known[kind]:
                yield f"{row['Action']}: there is no {kind}{name}"


def texts_name_folders_that_there_are(package):
    known = set(first(package, "Directory")) | {"~", "INSTALLDIR"}
    files = set(first(package, "File"))
    texts = [(row["Registry"], row["Value"]) for row in package.rows("Registry")]
    texts += [(row["Action"], row["Target"]) for row in package.rows("CustomAction")]
    texts += [(row["Environment"], row["Value"]) for row in package.rows("Environment")]
    for owner, text in texts:
        for name in re.findall(r"\[([^]]+)\]", text):
            if name not in known and name not in ("System64Folder", "SystemFolder") and not (
                    name.startswith("#") and name[1:] in files):
                yield f"{owner}: there is no [{name}]"


def the_registry_is_as_it_should_be(package):
    conditions = {row["Component"]: row["Condition"] for row in package.rows("Component")}
    features = {row["Component_"]: row["Feature_"] for row in package.rows("FeatureComponents")}
    found = {(features.get(row["Component_"]), conditions.get(row["Component_"]), row["Root"],
              row["Key"], row["Name"], row["Value"]) for row in package.rows("Registry")}
    for missing in sorted(REGISTRY - found):
        yield f"missing: {missing}"
    for unknown in sorted(found - REGISTRY):
        yield f"not expected: {unknown}"


def the_service_is_as_it_should_be(package):
    key_paths = {row["Component"]: row["KeyPath"] for row in package.rows("Component")}
    columns = ("Name", "DisplayName", "ServiceType", "StartType", "ErrorControl", "StartName",
               "Arguments")
    found = {key_paths.get(row["Component_"]): tuple(row[column] for column in columns)
             for row in package.rows("ServiceInstall")}
    controls = {key_paths.get(row["Component_"]): (row["Name"], row["Event"], row["Wait"])
                for row in package.rows("ServiceControl")}
    if (found, controls) != SERVICE:
        yield f"service: {found} {controls}"


def properties_are_as_they_should_be(package):
    for name, pattern in PROPERTIES.items():
        if not re.fullmatch(pattern, package.property(name) or ""):
            yield f"{name} is {package.property(name)!r}"
    secure = package.property("SecureCustomProperties").split(";")
    for row in package.rows("Upgrade"):
        if row["ActionProperty"] not in secure:
            yield f"{row['ActionProperty']} is no secure property"
        if row["UpgradeCode"] != package.property("UpgradeCode"):
            yield f"the upgrade code {row['UpgradeCode']} is not this product's"


def the_upgrade_table_knows_all_versions(package):
    own = package.property("ProductVersion")
    found = {row["ActionProperty"]: (row["VersionMin"], row["VersionMax"], int(row["Attributes"]))
             for row in package.rows("Upgrade")}
    if found != {"OLDER": ("", own, 0x201), "NEWER": (own, "", 2)}:
        yield f"{found}"


def what_is_refused_gets_a_reason(package):
    found = {row["Condition"]: row["Description"] for row in package.rows("LaunchCondition")}
    for condition, words in CONDITIONS.items():
        if words not in found.get(condition, ""):
            yield f"{condition}: {found.get(condition)!r}"


def the_summary_is_right(package):
    for name, wanted in (("Template", "Intel;1033"), ("Source", "2 (2)"), ("Version", "301 (12d)")):
        if package.summary.get(name) != wanted:
            yield f"{name}: {package.summary.get(name)}"
    code = package.summary.get("Revision number (UUID)", "")
    if not GUID.fullmatch(code) or code == package.property("ProductCode"):
        yield f"package code: {code}"


RULES = [every_file_is_where_it_should_be, names_are_short_and_long, components_are_sound,
         guids_stay, references_lead_somewhere, the_cabinet_has_the_files, files_can_be_compared,
         features_are_as_they_should_be, actions_come_in_order, custom_actions_are_sound,
         conditions_name_what_there_is, texts_name_folders_that_there_are,
         the_registry_is_as_it_should_be, the_service_is_as_it_should_be,
         properties_are_as_they_should_be, the_upgrade_table_knows_all_versions,
         what_is_refused_gets_a_reason, the_summary_is_right]
