"""The run's own schema in the database, made and dropped by a pod: this machine may have no way to the server."""

import json

from k8s.e2e.cluster import Cluster
from k8s.e2e.instance import PASSWORD_VARIABLE, schema_of
from k8s.e2e.options import Options
from k8s.e2e.single_pod import run_python

_EXECUTE = f"""\
import json, os, sys
import psycopg2
statement, parameters = sys.argv[1:]
password = os.environ["{PASSWORD_VARIABLE}"]
connection = psycopg2.connect(password=password, connect_timeout=30, **json.loads(parameters))
connection.autocommit = True
connection.cursor().execute(statement)
"""


def make_schema(cluster: Cluster, options: Options, run: str) -> None:
    """Create the schema.

    Raises:
        E2eError: no pod can be started, or the server refuses.
    """
    _execute(cluster, options, "make-schema", f"CREATE SCHEMA {schema_of(run)}")


def drop_schema(cluster: Cluster, options: Options, run: str) -> None:
    """Drop the schema with all that Dagster put into it.

    Raises:
        E2eError: no pod can be started, or the server refuses.
    """
    _execute(cluster, options, "drop-schema", f"DROP SCHEMA IF EXISTS {schema_of(run)} CASCADE")


def _execute(cluster: Cluster, options: Options, pod: str, statement: str) -> None:
    database = options.database
    parameters = {
        **database.params,
        "host": database.host,
        "port": database.port,
        "user": database.user,
        "dbname": database.name,
    }
    run_python(cluster, options, pod, _EXECUTE, arguments=[statement, json.dumps(parameters)], account="stylize-code")
