"""Runs the statements that are given, with DuckDB, in the directory where it is run, and writes the rows of each query as
a line of JSON."""

import json
import sys

import duckdb

connection = duckdb.connect()
for statement in sys.stdin.read().split(";"):
    if statement.strip():
        connection.execute(statement)
        if statement.lstrip().startswith(("SELECT", "WITH")):
            print(json.dumps(connection.fetchall(), default=str))
