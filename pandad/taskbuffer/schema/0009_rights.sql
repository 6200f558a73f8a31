-- Who is who, who may nothing for now, what pilots are lent, and what was done about all of that.

CREATE TABLE account (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    label   text NOT NULL,  -- for display
    roles   text[] NOT NULL DEFAULT '{}',
    created timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT account_roles_known CHECK (roles <@ ARRAY['pilot', 'production', 'admin'])
);

-- An identity that was never linked is not in here: it is a person of its own.
CREATE TABLE account_identity (
    anchor   text NOT NULL,
    subject  text NOT NULL,
    account  bigint NOT NULL REFERENCES account,
    linked   timestamptz NOT NULL DEFAULT now(),
    linkedby text NOT NULL,
    PRIMARY KEY (subject, anchor)
);
CREATE INDEX account_identity_account ON account_identity (account);

-- Codes with which the bearer of another credential shows that both are his.
CREATE TABLE link_code (
    digest  bytea PRIMARY KEY,  -- SHA-256 of the code
    anchor  text NOT NULL,
    subject text NOT NULL,
    expires timestamptz NOT NULL
);

CREATE TABLE ban (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account  bigint REFERENCES account ON DELETE CASCADE,
    subject  text,
    anchor   text,  -- NULL: whoever vouches for the subject
    reason   text NOT NULL,
    since    timestamptz NOT NULL DEFAULT now(),
    until    timestamptz,  -- NULL: for ever
    bannedby text NOT NULL,
    CONSTRAINT ban_of_one CHECK ((account IS NULL) <> (subject IS NULL))
);

-- One row: each change of an account or a ban counts it up, and by that the processes see that they must read again.
CREATE TABLE rights (
    one        boolean PRIMARY KEY DEFAULT true,
    generation bigint NOT NULL DEFAULT 1,
    CONSTRAINT rights_one CHECK (one)
);
INSERT INTO rights DEFAULT VALUES;

-- What pilots are lent: sealed as the secrets of users are.
CREATE TABLE pilot_credential (
    kind     text NOT NULL,
    name     text NOT NULL,
    role     text NOT NULL,  -- of a proxy; '' is none
    sealed   bytea NOT NULL,
    notafter timestamptz,
    changed  timestamptz NOT NULL DEFAULT now(),
    putby    text NOT NULL,
    PRIMARY KEY (kind, name, role),
    CONSTRAINT pilot_credential_kind_known CHECK (kind IN ('proxy', 'public key', 'private key', 'token', 'token key'))
);

-- What persons and admins changed. A row is written with the act, and given its place in the chain soon after; from then on it never
-- changes, and no row ever goes.
CREATE TABLE audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    who     text NOT NULL,
    anchor  text NOT NULL,  -- '' for an operator, who is known by the host's account
    account bigint,
    host    text NOT NULL,
    act     text NOT NULL,
    target  text NOT NULL,
    why     text NOT NULL,
    place   bigint,
    seal    bytea,
    CONSTRAINT audit_place_once UNIQUE (place),
    CONSTRAINT audit_sealed_with_place CHECK ((place IS NULL) = (seal IS NULL))
);
CREATE INDEX audit_unsealed ON audit (id) WHERE place IS NULL;

-- The end of the chain, so that rows cut off there are missed.
CREATE TABLE audit_head (
    one   boolean PRIMARY KEY DEFAULT true,
    place bigint NOT NULL DEFAULT 0,
    seal  bytea NOT NULL DEFAULT '',
    CONSTRAINT audit_head_one CHECK (one)
);
INSERT INTO audit_head DEFAULT VALUES;

CREATE FUNCTION audit_keeps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.place IS NULL AND NEW.place IS NOT NULL
       AND (NEW.id, NEW.at, NEW.who, NEW.anchor, NEW.host, NEW.act, NEW.target, NEW.why)
         = (OLD.id, OLD.at, OLD.who, OLD.anchor, OLD.host, OLD.act, OLD.target, OLD.why)
       AND NEW.account IS NOT DISTINCT FROM OLD.account THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of the audit are never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_keeps();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_keeps();
