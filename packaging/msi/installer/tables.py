# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The work of the package besides files: rows of Windows Installer's tables.

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

NATIVE = {"x64": "VersionNT64", "x86": "NOT VersionNT64"}
SERVICES = PRODUCT + r"\Services"
MOUNT, EJECT = "{62AD20C1-8F38-452A-AB7A-F281004D0283}", "{18F72BBE-CE30-4EBA-8691-911D158A883C}"


def com_class(clsid, title):
    """As DllRegisterServer() writes it."""
    key = rf"{CLASSES}\CLSID\{clsid}"
    return [(key, "", title),
            (rf"{key}\InProcServer32", "", "[#bin.shellex_x86.dll]"),
            (rf"{key}\InProcServer32", "ThreadingModel", "Apartment")]


def disk_class(name, program):
    """A class of the launcher: all users who may log on may start one."""
    key = rf"{SERVICES}\{name}"
    return [(key, "Executable", f"[#{program}]"), (key, "CommandLine", "-f %1"),
            (key, "Security", "D:P(A;;RP;;;WD)")]


def extension(name):
    return [(rf"{CLASSES}\.{name}", "", "WinSpd.DiskFile")]


# A component that is registry values, the first being its key path: feature, condition, values.
REGISTRY = {
    "registry": ("core", "", [
        (PRODUCT, "InstallDir", "[INSTALLDIR]"),
    ]),
    # For dialogues of 32-bit programs. The native DLL registers itself: this package is a 32-bit
    # one, and cannot write where 64-bit programs look.
    "shellex.x86": ("core", "VersionNT64", [
        *com_class(MOUNT, "WinSpd Mount"), *com_class(EJECT, "WinSpd Eject")]),
    **{f"rawdisk.{arch}": ("developer", here, disk_class("rawdisk",
                                                         f"samples.rawdisk.rawdisk_{arch}.exe"))
       for arch, here in NATIVE.items()},
    "rawdisk64": ("developer", "", disk_class("rawdisk64", "samples.rawdisk.rawdisk_x64.exe")),
    "rawdisk32": ("developer", "", disk_class("rawdisk32", "samples.rawdisk.rawdisk_x86.exe")),
    "rawdisk.dotnet": ("developer", "", disk_class(
        "rawdisk-dotnet", "samples.rawdisk_dotnet.rawdisk_dotnet_msil.exe")),
    # Explorer's menu New makes an empty file; rawdisk makes an empty file a disk.
    "extensions": ("developer", "", [
        *extension("rawdisk"), (rf"{CLASSES}\.rawdisk\ShellNew", "NullFile", ""),
        *extension("rawdisk64"), *extension("rawdisk32"), *extension("rawdisk-dotnet")]),
}

# Appended to the PATH of the machine, taken away again.
ENVIRONMENT = [("path", "=-*PATH", "[~];[folder.bin]", "registry")]

SERVICE = {
    "Name": "WinSpd.Launcher", "DisplayName": "WinSpd Launcher",
    "Description": "Starts and stops programs that are disks, for users and Explorer.",
    "ServiceType": 0x10,  # a process of its own
    "StartType": 2,  # with Windows
    "ErrorControl": 0x8000,  # ignored by Windows, but without it the installation fails
}
CONTROL = 0x01 | 0x02 | 0x20 | 0x80  # started when installed, stopped before and when removed, gone

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
EXTENSION = "$bin.shellex_{arch}.dll"
REGISTER = r'"[{system}]regsvr32.exe" /s "[folder.bin]shellex-{arch}.dll"'
UNREGISTER = r'"[{system}]regsvr32.exe" /s /u "[folder.bin]shellex-{arch}.dll"'
FORGET = (r'"[{system}]cmd.exe" /c for %%k in (CLSID\%s CLSID\%s WinSpd.DiskFile '
          r'Drive\shellex\ContextMenuHandlers\WinSpd.Eject) do reg delete HKLM\%s\%%k /f'
          % (MOUNT, EJECT, CLASSES))


@dataclass(frozen=True)
class Action:
    """A deferred custom action, run as LocalSystem: a program of each architecture's own."""

    name: str
    entry: str      # of src/msi/; none: the program devsetup itself, from within the package
    command: str
    sequence: int
    condition: str
    flags: int = 0


# Rollback actions come before what they undo, and run when a later action fails; nothing relies
# on what files are there by then. An add that fails has undone itself. A repair that fails leaves
# the driver that was there.
ACTIONS = [
    Action("UndoRemoveDriver", "RunProgram", ADD, 1910, f"{DRIVER}=2", ROLLBACK | CONTINUE),
    Action("RemoveDriver", "RunRemoval", REMOVE, 1920, f"{DRIVER}=2"),
    Action("UndoUnregister", "RunProgram", REGISTER, 1930, f"{EXTENSION}=2", ROLLBACK | CONTINUE),
    Action("Unregister", "RunRemoval", UNREGISTER, 1940, f"{EXTENSION}=2", CONTINUE),
    Action("UndoAddDriver", "", UNDO, 5810, f"{DRIVER}=3 AND NOT Installed", ROLLBACK | CONTINUE),
    Action("AddDriver", "RunProgram", ADD, 5820, f"{DRIVER}=3"),
    Action("UndoRegister", "RunRemoval", FORGET, 5830, f"{EXTENSION}=3 AND NOT Installed",
           ROLLBACK | CONTINUE),
    Action("Register", "RunProgram", REGISTER, 5840, f"{EXTENSION}=3"),
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

# Where the programs of Windows of a kind of processor are.
SYSTEMS = {"x64": "System64Folder", "x86": "SystemFolder"}


def command(action, arch):
    """Braces of class ids are no fields."""
    return action.command.replace("{arch}", arch).replace("{system}", SYSTEMS[arch])


def custom_actions():
    """Rows of CustomAction and of the sequence. A deferred action reads the property of its name,
    which another action sets."""
    for arch, here in NATIVE.items():
        for number, action in enumerate(ACTIONS):
            name = f"{action.name}.{arch}"
            condition = f"{here} AND {action.condition.format(arch=arch)}"
            kind, source, target = PROGRAM, f"devsetup.{arch}", action.command
            if action.entry:
                kind, source, target = DLL, f"actions.{arch}", action.entry
                yield ({"Action": f"Set.{name}", "Type": SET, "Source": name,
                        "Target": command(action, arch)}, condition, 1001 + number)
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


def write_service(database):
    """Its program is the key path of its component."""
    launchers = {"x64": "bin.launcher_x64.exe", "x86": "bin.launcher_x86.exe.x86"}
    database.write("ServiceInstall", [
        {"ServiceInstall": f"launcher.{arch}", "Component_": component, **SERVICE}
        for arch, component in launchers.items()])
    database.write("ServiceControl", [
        {"ServiceControl": f"launcher.{arch}", "Component_": component, "Name": SERVICE["Name"],
         "Event": CONTROL, "Wait": 1} for arch, component in launchers.items()])


def write(database, version):
    write_actions(database)
    write_service(database)
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
