# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The required contents of the package, written down once more and by hand. They are the layout of
the original's installer, and the demands of Windows' documentation of the tables."""

from .package import TOP

BOTH = ("x64", "x86")
NATIVE = {"x64": "VersionNT64", "x86": "NOT VersionNT64"}


def each(feature, *places, condition=""):
    return {(feature, place.format(arch=arch), condition) for place in places for arch in BOTH}


SYMBOLS = [("winspd", "sys"), ("winspd", "dll"), ("shellex", "dll"), *(
    (name, "exe") for name in ("devsetup", "launcher", "launchctl", "scsitool", "stgtest",
                               "rawdisk", "memdisk"))]

# Feature, place below the installation folder, condition.
FILES = (
    each("core", "License.txt", "sys/winspd.inf", "sys/winspd-{arch}.sys", "sys/winspd-{arch}.cat",
         "sys/winspd-{arch}.dll", "sys/devsetup-{arch}.exe", "bin/launchctl-{arch}.exe",
         "bin/shellex-{arch}.dll", "bin/scsitool-{arch}.exe", "bin/stgtest-{arch}.exe",
         "bin/winspd-msil.dll", "bin/winspd-msil.xml")
    # Twice in the tables, since the service's own program is another component.
    | {("core", f"bin/launcher-{arch}.exe", condition) for arch in BOTH
       for condition in NATIVE.values()}
    | each("developer", "inc/winspd/winspd.h", "inc/winspd/ioctl.h", "inc/winspd/scsi.h",
           "inc/spd/spd.h", "inc/spd/base.h", "inc/spd/device.h",
           "inc/spd/program.h", "inc/spd/sense.h",
           "lib/winspd-{arch}.lib", "lib/winspd-{arch}.dll.a",
           "samples/README.txt", "samples/ramdisk/ramdisk.c", "samples/deferdisk/deferdisk.c",
           "samples/spd/ramdisk.c", "samples/rawdisk/rawdisk-{arch}.exe",
           "samples/memdisk/memdisk-{arch}.exe", "samples/rawdisk-dotnet/winspd-msil.dll",
           "samples/rawdisk-dotnet/rawdisk-dotnet-msil.exe", "samples/rawdisk-dotnet/rawdisk.cs",
           "samples/ramdisk-dotnet/ramdisk.cs", "kit/verify.ps1",
           "kit/verify-on-windows.md", "kit/winspd-tests-{arch}.exe",
           "kit/winspd-verify-{arch}.exe", "kit/rawdisk-{arch}.exe", "kit/devsetup-{arch}.exe",
           *(f"sym/{name}-{{arch}}.{kind}.pdb" for name, kind in SYMBOLS))
    | {("developer", f"samples/{name}/{path.name}", "")
       for name in ("common", "rawdisk", "memdisk") for path in (TOP / "devices" / name).iterdir()
       if "_posix." not in path.name and path.name != "meson.build"})

# Some; they stay for ever, or Windows forgets who needs the file.
GUIDS = {
    "sys.winspd.inf": "{30EF8CC9-AADC-59DE-AB7D-383497167D70}",
    "sys.winspd_x64.dll": "{338D26AE-19A3-5D34-8FBA-9CF1A2B5CBD6}",
    "bin.stgtest_x86.exe": "{00B5B4D3-52A0-579F-8AE5-71AC08B8C6AC}",
    "registry": "{04C94F44-FEA7-5E11-B362-D8CD070664B4}",
}

# Level (1: chosen, more than INSTALLLEVEL: not), attributes (16: cannot be left out).
FEATURES = {"core": (1, 16), "developer": (1000, 0)}

# A DLL of the Binary table is 1, a program 2; 0x400 deferred, 0x800 as LocalSystem, 0x100 on
# rollback, 0x40 its failure is ignored.
ACTION_TYPES = {
    "UndoRemoveDriver": 0x1 | 0x400 | 0x800 | 0x100 | 0x40,
    "RemoveDriver": 0x1 | 0x400 | 0x800,
    "UndoAddDriver": 0x2 | 0x400 | 0x800 | 0x100 | 0x40,
    "AddDriver": 0x1 | 0x400 | 0x800,
    "UndoUnregister": 0x1 | 0x400 | 0x800 | 0x100 | 0x40,
    "Unregister": 0x1 | 0x400 | 0x800 | 0x40,
    "UndoRegister": 0x1 | 0x400 | 0x800 | 0x100 | 0x40,
    "Register": 0x1 | 0x400 | 0x800,
    "ScheduleRestart": 0x1 | 0x40,
}

ORDER = [
    ("FindRelatedProducts", "AppSearch", "LaunchConditions", "CostInitialize", "FileCost",
     "CostFinalize", "MigrateFeatureStates", "InstallValidate", "InstallInitialize",
     "RemoveExistingProducts", "ProcessComponents", "UnpublishFeatures", "RemoveRegistryValues",
     "RemoveEnvironmentStrings", "RemoveFiles", "InstallFiles", "WriteRegistryValues",
     "WriteEnvironmentStrings", "RegisterUser", "RegisterProduct", "PublishFeatures",
     "PublishProduct", "InstallFinalize"),
    # The driver goes after the service has stopped and before it is deleted, with its files there.
    ("StopServices", "UndoRemoveDriver.x64", "RemoveDriver.x64", "DeleteServices", "RemoveFiles"),
    ("StopServices", "UndoRemoveDriver.x86", "RemoveDriver.x86", "DeleteServices", "RemoveFiles"),
    # It comes with its files and the service, and before the service starts.
    ("InstallFiles", "InstallServices", "UndoAddDriver.x64", "AddDriver.x64", "StartServices"),
    ("InstallFiles", "InstallServices", "UndoAddDriver.x86", "AddDriver.x86", "StartServices"),
    ("UndoUnregister.x64", "Unregister.x64", "RemoveFiles"),
    ("UndoUnregister.x86", "Unregister.x86", "RemoveFiles"),
    ("InstallFiles", "UndoRegister.x64", "Register.x64", "InstallFinalize"),
    ("InstallFiles", "UndoRegister.x86", "Register.x86", "InstallFinalize"),
    ("InstallFinalize", "ScheduleRestart.x64"),
    ("InstallFinalize", "ScheduleRestart.x86"),
]

# Feature, condition, root (2 is HKLM, its 32-bit view), key, name, value.
REGISTRY = {
    ("core", "", "2", r"Software\WinSpd", "InstallDir", "[INSTALLDIR]"),
    *(("core", "VersionNT64", "2", rf"Software\Classes\CLSID\{clsid}{key}", name, value)
      for clsid, title in (("{62AD20C1-8F38-452A-AB7A-F281004D0283}", "WinSpd Mount"),
                           ("{18F72BBE-CE30-4EBA-8691-911D158A883C}", "WinSpd Eject"))
      for key, name, value in (
          ("", "", title), (r"\InProcServer32", "", "[#bin.shellex_x86.dll]"),
          (r"\InProcServer32", "ThreadingModel", "Apartment"))),
    *(("developer", condition, "2", rf"Software\WinSpd\Services\{name}", value, text)
      for name, condition, program in (
          ("rawdisk", "VersionNT64", "samples.rawdisk.rawdisk_x64.exe"),
          ("rawdisk", "NOT VersionNT64", "samples.rawdisk.rawdisk_x86.exe"),
          ("rawdisk64", "", "samples.rawdisk.rawdisk_x64.exe"),
          ("rawdisk32", "", "samples.rawdisk.rawdisk_x86.exe"),
          ("rawdisk-dotnet", "", "samples.rawdisk_dotnet.rawdisk_dotnet_msil.exe"))
      for value, text in (("Executable", f"[#{program}]"), ("CommandLine", "-f %1"),
                          ("Security", "D:P(A;;RP;;;WD)"))),
    *(("developer", "", "2", rf"Software\Classes\.{name}", "", "WinSpd.DiskFile")
      for name in ("rawdisk", "rawdisk64", "rawdisk32", "rawdisk-dotnet")),
    ("developer", "", "2", r"Software\Classes\.rawdisk\ShellNew", "NullFile", ""),
}

# The key paths of its components. ErrorControl 0x8000: no installation without it. Event: start 1
# and stop 2 when it is installed, stop 0x20 and delete 0x80 when it is removed.
LAUNCHERS = ("bin.launcher_x64.exe", "bin.launcher_x86.exe.x86")
SERVICE = (
    dict.fromkeys(LAUNCHERS, ("WinSpd.Launcher", "WinSpd Launcher", "16", "2", "32768", "", "")),
    dict.fromkeys(LAUNCHERS, ("WinSpd.Launcher", "163", "1")))

# Conditions that refuse an installation, and words of the message.
CONDITIONS = {
    "NOT NEWER": "newer WinSpd is installed",
    "Installed OR VersionNT >= 601": "Windows 7",
    "Privileged": "administrator",
}

PROPERTIES = {
    "UpgradeCode": r"\{F7F63D2E-309B-485F-A3DC-1AAE26E31B2B\}",
    "ProductCode": r"\{[0-9A-F-]{36}\}",
    "ProductVersion": r"[1-9]\d*\.\d+\.\d+",  # newer than 1.0.yyddd, of the original's
    "ProductName": r"WinSpd \d+\.\d+\.\d+",
    "Manufacturer": "the WinSpd authors",
    "ProductLanguage": "1033",
    "ALLUSERS": "1",
    "ARPNOMODIFY": "1",
}
