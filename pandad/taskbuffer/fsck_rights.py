"""Invariants of accounts, bans, what pilots are lent, and the audit. (Its seals are looked at by `pandad audit verify`.)"""

from __future__ import annotations

from pandad.spec.caller import Role
from pandad.spec.pilotcredential import Kind
from pandad.taskbuffer.invariant import Severity, invariant
from pandad.taskbuffer.statement import listed

E, W = Severity.ERROR, Severity.WARNING

_ROLES = f"ARRAY[{listed(Role)}]"

RIGHTS = (
    invariant(
        "rights-one", "one row says whether accounts or bans were changed, and one where the audit ends", E, """
        SELECT name, concat(count, ' rows') FROM (SELECT 'rights', count(*) FROM rights UNION ALL
                                                  SELECT 'audit_head', count(*) FROM audit_head) AS t(name, count)
        WHERE count <> 1""",
        "put the row back (`INSERT INTO rights DEFAULT VALUES`); without it no process learns of a ban"),
    invariant(
        "account-roles", "an account has known roles only", E, f"""
        SELECT id, concat('it has ', array_to_string(roles, ', ')) FROM account WHERE NOT roles <@ {_ROLES}""",
        "set them again (`pandad user grant` and `revoke`); until then no process can read the accounts"),
    invariant(
        "account-identity", "a linked identity has a subject, and an anchor that vouches for it", E, """
        SELECT account, concat('it has ', subject, ' from ', anchor) FROM account_identity WHERE anchor = '' OR subject = ''""",
        "remove the row: nobody can come with such an identity"),
    invariant(
        "account-of-identity", "every linked identity belongs to an account", E, """
        SELECT i.account, concat(i.subject, ' belongs to it, and it is not there') FROM account_identity i
        WHERE NOT EXISTS (SELECT FROM account a WHERE a.id = i.account)""",
        "link the identity again (`pandad user link`)"),
    invariant(
        "ban-of-one", "a ban is on an account that is there, or on a subject", E, """
        SELECT b.id, concat('it is on account ', b.account, ' and subject ', b.subject) FROM ban b
        WHERE (b.account IS NULL) = (b.subject IS NULL)
           OR (b.account IS NOT NULL AND NOT EXISTS (SELECT FROM account a WHERE a.id = b.account))""",
        "look into the audit for who was meant, and ban again (`pandad user ban`)"),
    invariant(
        "link-code-ends", "a code to link identities with is over within the hour", E, """
        SELECT encode(digest, 'hex'), concat('it is good until ', expires) FROM link_code
        WHERE expires > clock_timestamp() + interval '1 hour'""",
        "delete it, and look whether the database's clock was set back"),
    invariant(
        "credential-kind", "what pilots are lent is of a known kind", E, f"""
        SELECT concat(kind, ' ', name), 'nobody can ask for it' FROM pilot_credential WHERE kind NOT IN ({listed(Kind)})""",
        "put it again (`pandad credential put`)"),
    invariant(
        "audit-places", "the places of the audit run from 1 to its noted end without a gap", E, """
        SELECT coalesce(max(a.place), 0), concat('there are ', count(a.place), ' rows up to place ', coalesce(max(a.place), 0),
                                                 ', and the end was noted as ', h.place)
        FROM audit_head h LEFT JOIN audit a ON a.place IS NOT NULL
        GROUP BY h.place HAVING count(a.place) <> h.place OR coalesce(max(a.place), 0) <> h.place""",
        "run `pandad audit verify`, which says which rows; after a restore the rest may be in what was restored from"),
    invariant(
        "audit-sealed", "an act gets its place in the audit soon", W, """
        SELECT id, concat(act, ' by ', who, ' waits since ', at) FROM audit
        WHERE place IS NULL AND at < clock_timestamp() - interval '1 hour'""",
        "start the daemon, or look what `pandad loop ls` says of the loop audit"),
)
