// A service that declares a stream with its own source needs no import but this module.
@_exported import LacunaModel
@_exported import LacunaRecords
