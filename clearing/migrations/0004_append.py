"""The only way into the log: functions that move a stream's head, chain the hash, and write what
follows, each in one round trip. The application may call them; it may write none of those tables.

`surety_append` records one fact that moves nothing. `surety_append_all` records many facts of many
streams with their entries, holdings, account versions, jobs and keys. Both compute the hash from the
head they have locked, so a caller can neither fork a stream nor choose a hash.
"""

from django.db import migrations, models

FUNCTIONS = """
-- One spelling of an instant: RFC 3339, UTC, microseconds (clearing.domain.clock.text).
CREATE FUNCTION surety_time(at timestamptz) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
RETURN convert_to(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8');

-- An event's hash is SHA-256 over its parts, each after its length in four bytes. That is how the
-- server sends an array of bytea, after a head of twenty bytes: so ARRAY[...] is the whole formula.

-- Lock heads in the order given; which they are, their versions and hashes. A stream that is not
-- there is opened, or left out.
CREATE FUNCTION surety_claim(
    names text[], opening boolean, OUT claimed text[], OUT versions int[], OUT heads bytea[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    missing text;
BEGIN
    IF opening AND
        (SELECT count(*) FROM clearing_stream WHERE name = ANY (names)) < cardinality(names)
    THEN
        -- One at a time, so that a new stream is locked in its place too.
        FOREACH missing IN ARRAY names LOOP
            INSERT INTO clearing_stream (name, version, head)
                VALUES (missing, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
            PERFORM FROM clearing_stream WHERE name = missing FOR UPDATE;
        END LOOP;
    END IF;
    SELECT coalesce(array_agg(name ORDER BY place), '{}'),
           coalesce(array_agg(version ORDER BY place), '{}'),
           coalesce(array_agg(head ORDER BY place), '{}')
    INTO claimed, versions, heads FROM (
        SELECT it.name, it.version, it.head, wanted.place
        FROM unnest(names) WITH ORDINALITY AS wanted (name, place)
        JOIN clearing_stream AS it USING (name)
        ORDER BY wanted.place FOR UPDATE OF it
    ) AS locked;
END $$;

-- Keep every writer out until the transaction ends: who claims holds a share of this lock.
CREATE FUNCTION surety_hold_writers() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    LOCK TABLE clearing_stream IN EXCLUSIVE MODE;
END $$;

-- One fact that moves nothing, from a caller who claimed nothing; answers its sequence. `expected`
-- is the version the stream must have: 0 for one that must be new, NULL for any. The same key with
-- the same request answers what it led to before.
CREATE FUNCTION surety_append(
    its_stream text, expected int, its_name text, its_payload text, effective timestamptz,
    its_actor text, its_correlation text, its_cause bigint,
    its_scope text, its_key text, request bytea
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    recorded timestamptz;
    its_version int;
    its_hash bytea;
    kept bytea;
    its_sequence bigint;
BEGIN
    IF its_key IS NOT NULL THEN
        SELECT request_hash, sequence INTO kept, its_sequence FROM clearing_command
        WHERE scope = its_scope AND key = its_key;
        IF FOUND THEN
            IF kept <> request THEN
                RAISE EXCEPTION 'key % of % was used before', its_key, its_scope
                    USING ERRCODE = 'unique_violation', CONSTRAINT = 'command_request_same';
            END IF;
            RETURN its_sequence;
        END IF;
    END IF;
    recorded := clock_timestamp();
    FOR tried IN 1..2 LOOP
        UPDATE clearing_stream AS it SET version = it.version + 1, head = sha256(substr(
            array_send(ARRAY[
                it.head, convert_to(its_stream, 'UTF8'),
                convert_to((it.version + 1)::text, 'UTF8'), convert_to(its_name, 'UTF8'),
                surety_time(effective), surety_time(recorded), convert_to(its_actor, 'UTF8'),
                convert_to(its_correlation, 'UTF8'),
                convert_to(coalesce(its_cause::text, ''), 'UTF8'),
                convert_to(its_payload, 'UTF8')]), 21))
        WHERE it.name = its_stream AND (expected IS NULL OR it.version = expected)
        RETURNING it.version, it.head INTO its_version, its_hash;
        EXIT WHEN FOUND OR expected > 0;
        INSERT INTO clearing_stream (name, version, head)
            VALUES (its_stream, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
    END LOOP;
    IF its_version IS NULL THEN
        RAISE EXCEPTION 'stream % is not at version %', its_stream, expected
            USING ERRCODE = 'serialization_failure';
    END IF;
    INSERT INTO clearing_event (stream, version, name, effective_at, recorded_at, actor,
                                correlation_id, cause, payload, hash)
    VALUES (its_stream, its_version, its_name, effective, recorded, its_actor, its_correlation,
            its_cause, its_payload, its_hash)
    RETURNING sequence INTO its_sequence;
    IF its_key IS NOT NULL THEN
        INSERT INTO clearing_command (scope, key, request_hash, first, sequence, recorded_at)
        VALUES (its_scope, its_key, request, its_sequence, its_sequence, recorded);
    END IF;
    RETURN its_sequence;
END $$;

-- Many facts, in order. Streams are given once each, in claiming order, with the version and head
-- the caller saw under its lock, or with `heads` NULL by one who claimed none and takes any.
-- `stream_of` says which stream a fact belongs to; *_fact says which fact an entry, a moved account
-- or a job belongs to; all count from one. `effective` is one instant for all, or one for each.
CREATE FUNCTION surety_append_all(
    streams text[], expected int[], heads bytea[],
    stream_of int[], names text[], payloads text[], effective timestamptz[],
    its_actor text, its_correlation text, its_cause bigint,
    entry_fact int[], entry_account text[], entry_asset text[], entry_amount bigint[],
    unheld text[],
    moved_fact int[], moved_account text[],
    job_fact int[], job_kind text[], job_account text[], most_poked int,
    scopes text[], keys text[], requests bytea[], key_first int[], key_last int[],
    OUT sequences bigint[], OUT reached int[], OUT last_hashes bytea[],
    OUT recorded timestamptz, OUT jobs_left bigint[], OUT kinds_left text[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    many constant int := cardinality(stream_of);
    named bytea[] := '{}';
    versions int[] := '{}';
    hashes bytea[] := '{}';
    effectively bytea;
    recorded_bytes bytea;
    actor_bytes constant bytea := convert_to(its_actor, 'UTF8');
    correlation_bytes constant bytea := convert_to(its_correlation, 'UTF8');
    cause_bytes constant bytea := convert_to(coalesce(its_cause::text, ''), 'UTF8');
    one_time constant boolean := cardinality(effective) = 1;
    of_stream int;
    digest bytea;
    changed int;
    emptied boolean;
BEGIN
    IF heads IS NULL THEN
        SELECT it.versions, it.heads INTO reached, last_hashes FROM surety_claim(streams, true) AS it;
        IF expected IS NOT NULL AND reached IS DISTINCT FROM expected THEN
            RAISE EXCEPTION 'a stream of % is not at the version expected', streams
                USING ERRCODE = 'serialization_failure';
        END IF;
        expected := reached;
        heads := last_hashes;
    ELSE
        reached := expected;
        last_hashes := heads;
    END IF;

    recorded := clock_timestamp();
    recorded_bytes := surety_time(recorded);
    effectively := surety_time(effective[1]);
    FOR place IN 1..cardinality(streams) LOOP
        named[place] := convert_to(streams[place], 'UTF8');
    END LOOP;
    FOR fact IN 1..many LOOP
        of_stream := stream_of[fact];
        IF NOT one_time THEN
            effectively := surety_time(effective[fact]);
        END IF;
        versions[fact] := reached[of_stream] + 1;
        reached[of_stream] := versions[fact];
        digest := sha256(substr(array_send(ARRAY[
            last_hashes[of_stream], named[of_stream], convert_to(versions[fact]::text, 'UTF8'),
            convert_to(names[fact], 'UTF8'), effectively, recorded_bytes, actor_bytes,
            correlation_bytes, cause_bytes, convert_to(payloads[fact], 'UTF8')]), 21));
        hashes[fact] := digest;
        last_hashes[of_stream] := digest;
    END LOOP;

    UPDATE clearing_stream AS it SET version = reached[place], head = last_hashes[place]
    FROM unnest(streams, expected, heads) WITH ORDINALITY AS seen (name, version, head, place)
    WHERE it.name = seen.name AND it.version = seen.version AND it.head = seen.head;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed <> cardinality(streams) THEN
        RAISE EXCEPTION 'a stream of % moved under its own lock', streams
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    WITH added AS (
        INSERT INTO clearing_event (stream, version, name, effective_at, recorded_at, actor,
                                    correlation_id, cause, payload, hash)
        SELECT streams[it.of_stream], it.version, it.name,
               CASE WHEN one_time THEN effective[1] ELSE effective[it.place] END, recorded,
               its_actor, its_correlation, its_cause, it.payload, it.hash
        FROM unnest(stream_of, versions, names, payloads, hashes)
            WITH ORDINALITY AS it (of_stream, version, name, payload, hash, place)
        ORDER BY it.place RETURNING sequence
    )
    SELECT array_agg(sequence ORDER BY sequence) INTO sequences FROM added;

    IF cardinality(entry_fact) > 0 THEN
        INSERT INTO clearing_entry (sequence, account, asset, amount)
        SELECT sequences[fact], account, asset, amount
        FROM unnest(entry_fact, entry_account, entry_asset, entry_amount)
            AS it (fact, account, asset, amount);
        -- Few holdings come to nothing, so those that did are removed afterwards.
        WITH held AS (
            INSERT INTO clearing_holding AS it (account, asset, amount)
            SELECT account, asset, sum(amount)::bigint
            FROM unnest(entry_account, entry_asset, entry_amount) AS moved (account, asset, amount)
            WHERE account <> ALL (unheld) GROUP BY account, asset
            ON CONFLICT (account, asset) DO UPDATE SET amount = it.amount + EXCLUDED.amount
            RETURNING it.amount
        )
        SELECT bool_or(amount = 0) INTO emptied FROM held;
        IF emptied THEN
            DELETE FROM clearing_holding AS it
            USING unnest(entry_account, entry_asset) AS moved (account, asset)
            WHERE it.account = moved.account AND it.asset = moved.asset AND it.amount = 0;
        END IF;
    END IF;

    IF cardinality(moved_fact) > 0 THEN
        UPDATE clearing_accountstate AS it
        SET version = versions[moved.fact], sequence = sequences[moved.fact]
        FROM unnest(moved_fact, moved_account) AS moved (fact, account)
        WHERE it.account = moved.account AND it.version < versions[moved.fact];
    END IF;

    IF cardinality(job_fact) > 0 THEN
        WITH job AS (
            INSERT INTO clearing_job (kind, key, address, state, attempts, token, not_before,
                                      worker, error, left_at, poked_at)
            SELECT it.kind, sequences[it.fact]::text, jsonb_strip_nulls(jsonb_build_object(
                       'sequence', sequences[it.fact], 'correlation_id', its_correlation,
                       'account', it.account)),
                   'due', 0, 0, recorded, '', '', recorded,
                   CASE WHEN it.place <= most_poked THEN recorded END
            FROM unnest(job_fact, job_kind, job_account)
                WITH ORDINALITY AS it (fact, kind, account, place)
            ON CONFLICT (kind, key) DO NOTHING RETURNING id, kind
        )
        SELECT array_agg(id ORDER BY id), array_agg(kind ORDER BY id)
        INTO jobs_left, kinds_left FROM job;
    END IF;

    IF cardinality(scopes) > 0 THEN
        INSERT INTO clearing_command (scope, key, request_hash, first, sequence, recorded_at)
        SELECT scope, key, request, sequences[its_first], sequences[its_last], recorded
        FROM unnest(scopes, keys, requests, key_first, key_last)
            AS it (scope, key, request, its_first, its_last);
    END IF;
END $$;

-- The key of a command whose facts were recorded before it is kept.
CREATE FUNCTION surety_remember(
    its_scope text, its_key text, request bytea, its_first bigint, its_last bigint
) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO clearing_command (scope, key, request_hash, first, sequence, recorded_at)
    VALUES (its_scope, its_key, request, its_first, its_last, clock_timestamp());
$$;

-- The same guard as before, for a third of the price: it asks whether there is any, not which.
CREATE OR REPLACE FUNCTION surety_facts_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bad record;
BEGIN
    PERFORM FROM added GROUP BY sequence, asset HAVING sum(amount) <> 0;
    IF FOUND THEN
        SELECT sequence, asset, sum(amount) AS total INTO bad FROM added
        GROUP BY sequence, asset HAVING sum(amount) <> 0 ORDER BY sequence, asset LIMIT 1;
        RAISE EXCEPTION 'entries of fact % do not balance: % is off by %',
            bad.sequence, bad.asset, bad.total USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
"""

PRIVILEGES = """
REVOKE INSERT ON clearing_event FROM surety_app;
REVOKE INSERT (stream, version, name, effective_at, recorded_at, actor, correlation_id, cause,
               payload, hash) ON clearing_event FROM surety_app;
REVOKE INSERT ON clearing_command FROM surety_app;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON clearing_stream FROM surety_app;
DO $$
DECLARE
    it regprocedure;
BEGIN
    FOR it IN SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname IN
        ('surety_claim', 'surety_hold_writers', 'surety_append', 'surety_append_all',
         'surety_remember')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', it);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO surety_app', it);
    END LOOP;
END $$;

-- Heads, versions and holdings change in place, without touching an index.
ALTER TABLE clearing_stream SET (fillfactor = 50);
ALTER TABLE clearing_accountstate SET (fillfactor = 70);
ALTER TABLE clearing_holding SET (fillfactor = 70);
"""


class Migration(migrations.Migration):
    dependencies = [("clearing", "0003_guards")]
    operations = [
        migrations.AddField("command", "first", models.BigIntegerField(null=True)),
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
        migrations.RunSQL(PRIVILEGES, migrations.RunSQL.noop),
    ]
