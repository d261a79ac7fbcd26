"""Loads payments.ndjson with dlt, as bench_peers.py says: `dlt_loader.py append`, or `merge`."""

import json
import os
import sys
from urllib.parse import quote

import dlt

text = {"data_type": "text", "nullable": False}


@dlt.resource(name="payments", primary_key="id", write_disposition=sys.argv[1], columns={
    "id": {"data_type": "bigint", "nullable": False}, "account": text, "kind": text, "note": text,
    "amount": {"data_type": "decimal", "nullable": False}, "created": {"data_type": "timestamp", "nullable": False}})
def payments():
    with open("payments.ndjson", "rb") as lines:
        records = []
        for line in lines:
            records.append(json.loads(line))
            if len(records) == 10000:
                yield records
                records = []
        yield records


folder = quote(os.environ["PGHOST"], safe="")
address = "postgresql://{PGUSER}:none@{folder}:{PGPORT}/{PGDATABASE}".format(folder=folder, **os.environ)
pipeline = dlt.pipeline(
    "payments", destination=dlt.destinations.postgres(address), dataset_name="peer", pipelines_dir="state")
pipeline.run(payments(), loader_file_format="csv").raise_on_failed_jobs()
