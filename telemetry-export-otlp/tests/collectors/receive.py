"""Receives by oteltap on the port that is given, and writes what came, a line each: its kind and its bytes.

Ends when its input does.
"""

import asyncio
import sys

from oteltap.oteltap_http_protobuf_receiver import OtelTapHttpProtobufReceiver
from oteltap.oteltap_http_protobuf_receiver_settings import OtelTapHttpProtobufReceiverSettings


async def write(kind, stream):
    async for message in stream:
        message.DiscardUnknownFields()
        print(kind, message.SerializeToString(deterministic=True).hex(), flush=True)


async def main():
    settings = OtelTapHttpProtobufReceiverSettings(http_port=int(sys.argv[1]))
    async with OtelTapHttpProtobufReceiver(settings) as receiver:
        streams = {
            "span": receiver.stream_traces(),
            "log": receiver.stream_logs(),
            "metric": receiver.stream_metrics(),
        }
        writing = [asyncio.create_task(write(kind, stream)) for kind, stream in streams.items()]
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for task in writing:
            task.cancel()


asyncio.run(main())
