# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""What the package does besides bringing files: rows of Windows Installer's tables.

In texts, [folder.bin] and the like are folders of files.txt, which end with a backslash, and
[#bin.x.exe] is a file of it. $component=3 says that a component is installed, or again; =2 that it
is removed.
"""

from dataclasses import dataclass

from .layout import UPGRADE_CODE, guid

HKLM = 2
DRIVER = "$sys.winspd.inf"  # with it the driver comes and goes
CLASSES = r"Software\Classes"
PRODUCT = r"Software\WinSpd"  # the 32-bit view, as all of this package

# name: what reads the registry itself (component): feature, condition, first row is its key path
REGISTRY = {
    "registry": ("core", "", [
        (PRODUCT, "InstallDir", "[INSTALLDIR]"),
    ]),
}

# Appended to the PATH of the machine, taken away again.
ENVIRONMENT = [("path", "=-*PATH", "[~];[folder.bin]", "registry")]

UPGRADE = [
    # An older one, or this one built anew, is removed; a newer one is seen.
    ("OLDER", None, "{version}", 0x001 | 0x200),  # MigrateFeatures, VersionMaxInclusive
    ("NEWER", "{version}", None, 0x002),          # OnlyDetect
]

CONDITIONS = [
    ("NOT NEWER", "A newer WinSpd is installed. Remove it first if you want this older one."),
    ("Installed OR VersionNT >= 601", "WinSpd needs Windows 7, Windows Server 2008 R2 or newer."),
    ("Privileged", "WinSpd has a driver: only an administrator can install or remove it."),
]

PROPERTIES = {
    "ALLUSERS": "1",  # per machine
    "ARPNOMODIFY": "1",  # there are no dialogues to choose features in; ADDLOCAL and REMOVE work
    "ARPCONTACT": "the WinSpd authors",
    "SecureCustomProperties": "NEWER;OLDER;INSTALLDIR",
}

# Bits of a custom action's type.
DLL, PROGRAM, SET = 1, 2, 51
CONTINUE, ROLLBACK, DEFERRED, SYSTEM = 0x40, 0x100, 0x400, 0x800
ADD = r'"[folder.sys]devsetup-{arch}.exe" add root\winspd "[folder.sys]winspd.inf"'
REMOVE = r'"[folder.sys]devsetup-{arch}.exe" remove root\winspd'
UNDO = r"remove root\winspd"


@dataclass(frozen=True)
class Action:
    """A deferred custom action, run as LocalSystem: a program of each architecture's own."""

    name: str
    entry: str      # of src/msi/; none: the program devsetup itself, from within the package
    command: str
    sequence: int
    condition: str
    flags: int = 0


# Rollback actions are told before what they undo, and run when a later action fails; nothing relies
# on what files are there by then. An add that fails has undone itself. A repair that fails leaves
# the driver that was there.
ACTIONS = [
    Action("UndoRemoveDriver", "RunProgram", ADD, 1910, f"{DRIVER}=2", ROLLBACK | CONTINUE),
    Action("RemoveDriver", "RunRemoval", REMOVE, 1920, f"{DRIVER}=2"),
    Action("UndoAddDriver", "", UNDO, 5810, f"{DRIVER}=3 AND NOT Installed", ROLLBACK | CONTINUE),
    Action("AddDriver", "RunProgram", ADD, 5820, f"{DRIVER}=3"),
]
RESTART = 6650  # after InstallFinalize; the package that replaces this one does it for both

# Windows Installer's own actions, where its documents put them. The old product is removed within
# the transaction, so that a failure brings it back.
STANDARD = {
    "FindRelatedProducts": 25, "AppSearch": 50, "LaunchConditions": 100, "ValidateProductID": 700,
    "CostInitialize": 800, "FileCost": 900, "CostFinalize": 1000, "MigrateFeatureStates": 1200,
    "InstallValidate": 1400, "InstallInitialize": 1500, "RemoveExistingProducts": 1510,
    "ProcessComponents": 1600, "UnpublishFeatures": 1800, "StopServices": 1900,
    "DeleteServices": 2000, "RemoveRegistryValues": 2600, "RemoveEnvironmentStrings": 3300,
    "RemoveFiles": 3500, "CreateFolders": 3700, "InstallFiles": 4000, "WriteRegistryValues": 5000,
    "WriteEnvironmentStrings": 5200, "InstallServices": 5800, "StartServices": 5900,
    "RegisterUser": 6000, "RegisterProduct": 6100, "PublishFeatures": 6300, "PublishProduct": 6400,
    "InstallFinalize": 6600,
}

ARCHITECTURES = {"x64": "VersionNT64", "x86": "NOT VersionNT64"}


def custom_actions():
    """Rows of CustomAction and of the sequence. A deferred action reads the property of its name,
    which another action sets."""
    for arch, here in ARCHITECTURES.items():
        for number, action in enumerate(ACTIONS):
            name = f"{action.name}.{arch}"
            condition = f"{here} AND {action.condition}"
            kind, source, target = PROGRAM, f"devsetup.{arch}", action.command
            if action.entry:
                kind, source, target = DLL, f"actions.{arch}", action.entry
                yield ({"Action": f"Set.{name}", "Type": SET, "Source": name,
                        "Target": action.command.format(arch=arch)}, condition, 1001 + number)
            yield ({"Action": name, "Type": kind | DEFERRED | SYSTEM | action.flags,
                    "Source": source, "Target": target}, condition, action.sequence)
        yield ({"Action": f"ScheduleRestart.{arch}", "Type": DLL | CONTINUE,
                "Source": f"actions.{arch}", "Target": "ScheduleRestart"},
               f"{here} AND NOT UPGRADINGPRODUCTCODE", RESTART)


def write_actions(database):
    rows = list(custom_actions())
    database.write("CustomAction", [row for row, _, _ in rows])
    database.write("InstallExecuteSequence", [
        {"Action": name, "Sequence": number} for name, number in STANDARD.items()
    ] + [{"Action": row["Action"], "Condition": condition, "Sequence": number}
         for row, condition, number in rows])


def write_registry(database):
    components, places, values = [], [], []
    for component, (feature, condition, rows) in REGISTRY.items():
        keys = [f"{component}.{number}" for number in range(1, len(rows) + 1)]
        components.append({
            "Component": component, "ComponentId": guid("registry", component),
            "Directory_": "INSTALLDIR", "Attributes": 4,  # RegistryKeyPath
            "Condition": condition, "KeyPath": keys[0]})
        places.append({"Feature_": feature, "Component_": component})
        values += [{"Registry": name, "Root": HKLM, "Key": key, "Name": value, "Value": text,
                    "Component_": component}
                   for name, (key, value, text) in zip(keys, rows)]
    database.add("Component", components)
    database.add("FeatureComponents", places)
    database.write("Registry", values)


def write(database, version):
    write_actions(database)
    write_registry(database)
    database.write("Environment", [dict(zip(("Environment", "Name", "Value", "Component_"), row))
                                   for row in ENVIRONMENT])
    database.write("Upgrade", [
        {"UpgradeCode": "{%s}" % str(UPGRADE_CODE).upper(), "ActionProperty": name,
         "VersionMin": low and low.format(version=version),
         "VersionMax": high and high.format(version=version), "Attributes": bits}
        for name, low, high, bits in UPGRADE])
    database.write("LaunchCondition", [{"Condition": condition, "Description": text}
                                       for condition, text in CONDITIONS])
    properties = {row["Property"]: row["Value"] for row in database.rows("Property")} | PROPERTIES
    database.write("Property", [{"Property": name, "Value": value}
                                for name, value in properties.items()])
    # UIDisallowAbsent
    database.change("Feature", lambda row: row.update(
        Attributes=16 if row["Feature"] == "core" else 0) or True)
