-- Bearer tokens that are refused though they are good otherwise. value: the subject, or the id of one token (jti); '' for all of an
-- issuer. Few rows, read whole by each process every few seconds.
CREATE TABLE token_denial (
    issuer   text NOT NULL,
    kind     text NOT NULL,
    value    text NOT NULL,
    reason   text NOT NULL,
    deniedby text NOT NULL,
    deniedat timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT token_denial_pkey PRIMARY KEY (issuer, kind, value),
    CONSTRAINT token_denial_kind CHECK (kind IN ('issuer', 'subject', 'jti')),
    CONSTRAINT token_denial_value CHECK ((kind = 'issuer') = (value = ''))
);
