"""Run by the Python that has Rucio: the tables, the VO and the account `root`, unless they are there."""

from rucio.common.types import InternalAccount
from rucio.core.account import add_account_attribute
from rucio.db.sqla.constants import DatabaseOperationType
from rucio.db.sqla.session import db_session, get_engine
from rucio.db.sqla.util import build_database, create_base_vo, create_root_account
from sqlalchemy import inspect


def main() -> None:
    """All or what is missing: each step of Rucio's own is repeatable but the first."""
    if not inspect(get_engine()).has_table("accounts"):
        build_database()
        create_base_vo()
        create_root_account()
        with db_session(DatabaseOperationType.WRITE) as session:
            add_account_attribute(account=InternalAccount("root"), key="admin", value=True, session=session)


if __name__ == "__main__":
    main()
