# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors

<#
.SYNOPSIS
Tries WinSpd on this machine, and writes one report to send.
.DESCRIPTION
doc/verify-on-windows.md (verify-on-windows.md beside this script) says what to expect. The steps are
taken by winspd-verify, which is tested without Windows; this script sees that it can begin.
.PARAMETER DryRun
Prints every step, and changes nothing.
.PARAMETER Verifier
Has Driver Verifier watch the driver. Windows is to be restarted once before the tests: start the
script again afterwards, with the same parameters, and it goes on.
.PARAMETER Sleep
Lets the machine sleep for 45 seconds.
.PARAMETER Tests
Only these tests, by the names that winspd-tests lists, such as 'ioctl_*;volumes:*'.
.PARAMETER Report
The file of the report.
#>
[CmdletBinding()]
param(
    [switch] $DryRun,
    [switch] $Verifier,
    [switch] $Sleep,
    [string] $Tests = '',
    [string] $Report = (Join-Path $env:USERPROFILE 'winspd-report.txt')
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

function Test-Administrator {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object Security.Principal.WindowsPrincipal $identity
    return $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}

function Get-Program {
    $arch = 'x86'
    if ([Environment]::Is64BitOperatingSystem) {
        $arch = 'x64'
    }
    $program = Join-Path $PSScriptRoot "winspd-verify-$arch.exe"
    if (-not (Test-Path -LiteralPath $program)) {
        throw "$program is not there. Unpack the whole kit into one folder."
    }
    return $program
}

function Get-Option {
    $options = @('--report', $Report)
    if ($DryRun) {
        $options += '--dry-run'
    }
    if ($Verifier) {
        $options += '--verifier'
    }
    if ($Sleep) {
        $options += '--sleep'
    }
    if ($Tests -ne '') {
        $options += '--tests'
        $options += $Tests
    }
    return $options
}

if ($env:PROCESSOR_ARCHITECTURE -eq 'ARM64' -or $env:PROCESSOR_ARCHITEW6432 -eq 'ARM64') {
    throw 'There is no driver for ARM64.'
}
if ([Environment]::OSVersion.Version.Major -lt 10) {
    Write-Warning 'This Windows is older than 10: its signatures are others, and nobody has tried it.'
}
if (-not $DryRun -and -not (Test-Administrator)) {
    throw 'Open a PowerShell by "Run as administrator", and start this script in it.'
}
$program = Get-Program
$options = Get-Option
& $program $options
exit $LASTEXITCODE
