"""Reads messages, a line each, its kind and its bytes, and writes those bytes that OpenTelemetry's own messages keep
of them, without any field that they don't know."""

import sys

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}

for line in sys.stdin:
    kind, text = line.split()
    message = KINDS[kind].FromString(bytes.fromhex(text))
    message.DiscardUnknownFields()
    print(message.SerializeToString(deterministic=True).hex())
