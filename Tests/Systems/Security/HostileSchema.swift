/// A schema that traps whoever resolves a name by a search path in which it stands before `pg_catalog`.
enum HostileSchema {
    /// Creates the schema `evil`: an operator for each of PostgreSQL's, a function for each of its functions, an empty table
    /// for each of its relations and a domain for each of its types that are called by a plain name. Using any of them
    /// is an error that says `trapped`.
    static let script = #"""
        CREATE SCHEMA evil;
        DO $do$
        DECLARE
            item record;
            trap text := ' LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION ''trapped''; END $f$';
        BEGIN
            FOR item IN
                SELECT o.oprname AS name, o.oid, pg_catalog.format_type(NULLIF(o.oprleft, 0), NULL) AS left_type,
                    pg_catalog.format_type(o.oprright, NULL) AS right_type,
                    pg_catalog.format_type(o.oprresult, NULL) AS result
                FROM pg_catalog.pg_operator AS o
                WHERE o.oprnamespace = 'pg_catalog'::regnamespace
            LOOP
                BEGIN
                    EXECUTE format('CREATE FUNCTION evil.op_%s(%s) RETURNS %s', item.oid,
                        concat_ws(', ', item.left_type, item.right_type), item.result) || trap;
                    EXECUTE format('CREATE OPERATOR evil.%s (FUNCTION = evil.op_%s, %s RIGHTARG = %s)', item.name, item.oid,
                        'LEFTARG = ' || item.left_type || ',', item.right_type);
                EXCEPTION WHEN OTHERS THEN NULL;
                END;
            END LOOP;
            FOR item IN
                SELECT p.proname AS name, pg_catalog.pg_get_function_identity_arguments(p.oid) AS arguments,
                    pg_catalog.pg_get_function_result(p.oid) AS result
                FROM pg_catalog.pg_proc AS p
                WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a', 'w')
            LOOP
                BEGIN
                    EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s', item.name, item.arguments, item.result) || trap;
                EXCEPTION WHEN OTHERS THEN NULL;
                END;
            END LOOP;
            FOR item IN
                SELECT relname AS name FROM pg_catalog.pg_class
                WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
            LOOP
                EXECUTE format('CREATE TABLE evil.%I ()', item.name);
            END LOOP;
            FOR item IN
                SELECT typname AS name FROM pg_catalog.pg_type
                WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype = 'b' AND typname NOT LIKE '\_%'
            LOOP
                BEGIN
                    EXECUTE format(
                        'CREATE DOMAIN evil.%I AS pg_catalog.%I CONSTRAINT trapped CHECK (VALUE IS NULL)', item.name, item.name);
                EXCEPTION WHEN OTHERS THEN NULL;
                END;
            END LOOP;
        END $do$;
        """#
}
