#ifndef LACUNA_CLIBPQ_SHIM_H
#define LACUNA_CLIBPQ_SHIM_H

#include <libpq-fe.h>

/* Character constants come through as UInt8 or Int32 depending on the platform; these are Int32 everywhere. */
static const int lacuna_diag_severity = PG_DIAG_SEVERITY_NONLOCALIZED;
static const int lacuna_diag_sqlstate = PG_DIAG_SQLSTATE;
static const int lacuna_diag_message = PG_DIAG_MESSAGE_PRIMARY;
static const int lacuna_diag_detail = PG_DIAG_MESSAGE_DETAIL;
static const int lacuna_diag_hint = PG_DIAG_MESSAGE_HINT;
static const int lacuna_diag_context = PG_DIAG_CONTEXT;
static const int lacuna_diag_schema = PG_DIAG_SCHEMA_NAME;
static const int lacuna_diag_table = PG_DIAG_TABLE_NAME;
static const int lacuna_diag_column = PG_DIAG_COLUMN_NAME;
static const int lacuna_diag_constraint = PG_DIAG_CONSTRAINT_NAME;

#endif
