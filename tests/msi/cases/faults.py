# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Packages with one fault each, and what the judge has to say of it."""

from . import judge


def with_value(table, key, column, value):
    """Changes the row whose first column is key."""
    def change(database):
        def row_change(row):
            if next(iter(row.values())) == key:
                row[column] = value
            return True
        database.change(table, row_change)
    return change


def without(table, key):
    return lambda database: database.change(
        table, lambda row: next(iter(row.values())) != key)


def with_row(table, **row):
    return lambda database: database.add(table, [row])


# name: the change, the rule that finds it
FAULTS = {
    "a file is missing": (without("File", "bin.stgtest_x64.exe"),
                          judge.every_file_is_where_it_should_be),
    "a file is in another feature": (
        with_value("FeatureComponents", "core", "Feature_", "developer"),
        judge.every_file_is_where_it_should_be),
    "a file has a long name only": (
        with_value("File", "sys.winspd_x64.sys", "FileName", "winspd-x64.sys"),
        judge.names_are_short_and_long),
    "two files have one short name": (
        with_value("File", "sys.winspd_x64.sys", "FileName", "WINSP~2.SYS|winspd-x64.sys"),
        judge.names_are_short_and_long),
    "two components have one GUID": (
        with_value("Component", "License.txt", "ComponentId",
                   "{30EF8CC9-AADC-59DE-AB7D-383497167D70}"), judge.components_are_sound),
    "a key path is another's": (
        with_value("Component", "License.txt", "KeyPath", "sys.winspd.inf"),
        judge.components_are_sound),
    "a GUID has changed": (
        with_value("Component", "registry", "ComponentId",
                   "{00000000-AADC-59DE-AB7D-383497167D70}"), judge.guids_stay),
    "a component is nowhere": (with_value("Component", "License.txt", "Directory_", "nowhere"),
                               judge.references_lead_somewhere),
    "the medium ends too early": (with_value("Media", "1", "LastSequence", "3"),
                                  judge.the_cabinet_has_the_files),
    "the cabinet is missing": (with_value("Media", "1", "Cabinet", "#other.cab"),
                               judge.the_cabinet_has_the_files),
    "a size is wrong": (with_value("File", "License.txt", "FileSize", "5"),
                        judge.the_cabinet_has_the_files),
    "a version is wrong": (with_value("File", "sys.winspd_x64.dll", "Version", "0.9.0.0"),
                           judge.files_can_be_compared),
    "a version is missing": (with_value("File", "sys.winspd_x64.dll", "Version", ""),
                             judge.files_can_be_compared),
    "a hash is missing": (without("MsiFileHash", "License.txt"), judge.files_can_be_compared),
    "core can be left out": (with_value("Feature", "core", "Attributes", "0"),
                             judge.features_are_as_they_should_be),
    "the old product goes too early": (
        with_value("InstallExecuteSequence", "RemoveExistingProducts", "Sequence", "1410"),
        judge.actions_come_in_order),
    "the driver comes too late": (
        with_value("InstallExecuteSequence", "AddDriver.x64", "Sequence", "5950"),
        judge.actions_come_in_order),
    "two actions come at once": (
        with_value("InstallExecuteSequence", "RemoveDriver.x64", "Sequence", "1910"),
        judge.actions_come_in_order),
    "a rollback action is none": (with_value("CustomAction", "UndoAddDriver.x64", "Type", "2130"),
                                  judge.custom_actions_are_sound),
    "an action is in no DLL": (with_value("CustomAction", "AddDriver.x64", "Target", "RunAway"),
                               judge.custom_actions_are_sound),
    "an action has no command": (without("InstallExecuteSequence", "Set.AddDriver.x64"),
                                 judge.custom_actions_are_sound),
    "a condition names nothing": (
        with_value("InstallExecuteSequence", "AddDriver.x64", "Condition", "$absent=3"),
        judge.conditions_name_what_there_is),
    "a text names no folder": (with_value("Environment", "path", "Value", "[~];[absent]"),
                               judge.texts_name_folders_that_there_are),
    "a registry value is another": (with_value("Registry", "registry.1", "Value", "x"),
                                    judge.the_registry_is_as_it_should_be),
    "the service may be missing": (
        with_value("ServiceInstall", "launcher.x64", "ErrorControl", "0"),
        judge.the_service_is_as_it_should_be),
    "the service stays": (with_value("ServiceControl", "launcher.x64", "Event", "35"),
                          judge.the_service_is_as_it_should_be),
    "the upgrade code is another": (
        with_value("Property", "UpgradeCode", "Value", "{00000000-AADC-59DE-AB7D-383497167D70}"),
        judge.properties_are_as_they_should_be),
    "the upgrade table has a gap": (
        with_value("Upgrade", "{F7F63D2E-309B-485F-A3DC-1AAE26E31B2B}", "VersionMax", "1.0.5"),
        judge.the_upgrade_table_knows_all_versions),
    "a downgrade is not refused": (without("LaunchCondition", "NOT NEWER"),
                                   judge.what_is_refused_gets_a_reason),
    "the platform is another": (lambda database: database.summarize({7: "x64;1033"}),
                                judge.the_summary_is_right),
}
