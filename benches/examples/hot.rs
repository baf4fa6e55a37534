use std::time::{Duration, Instant};
use telemetry_core::{Chunk, ClientProvider, ConnectionInfo, DriverIdentity, Mode, StatementType, Target, TelemetryConfig};
use telemetry_core::plugin::AlwaysClosed;
use telemetry_testkit::{RecordingExporter, ScriptedFlags};
fn main() {
    let what = std::env::args().nth(1).unwrap();
    let provider = ClientProvider::builder(DriverIdentity::builder().name("bench").version("1.0.0").client("BENCH").flag("f").build().unwrap())
        .config(TelemetryConfig::default().mode(Mode::On).max_events(1_000_000).max_bytes(1<<30).max_total_bytes(1<<30))
        .exporter(RecordingExporter::forgetful())
        .flags(ScriptedFlags::fixed("f", true))
        .breakers(AlwaysClosed).environment(|_| None).build().unwrap();
    let lease = provider.acquire(Target::new("bench.cloud.databricks.com"));
    let session = lease.opening(ConnectionInfo::new()).opened("session");
    let emitter = session.emitter();
    let id = "01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b";
    emitter.started(id, StatementType::Query);
    let ms = Duration::from_millis(1);
    let (mut total, mut n, mut best) = (Duration::ZERO, 0u64, u128::MAX);
    for _ in 0..3000 {
        let start = Instant::now();
        for _ in 0..200 {
            match what.as_str() {
                "event" => emitter.poll(id, ms),
                _ => {
                    let mut statement = session.statement();
                    statement.kind(StatementType::Query);
                    statement.id(id);
                    for index in 0..10 { statement.chunk(Chunk::new(index, ms).bytes(1000)); }
                    statement.complete_after(42 * ms);
                }
            }
        }
        let took = start.elapsed(); best = best.min(took.as_nanos() / 200);
        total += took; n += 200;
        std::thread::sleep(Duration::from_micros(500));
    }
    println!("{what}: mean {} best {best}; {}", total.as_nanos() / n as u128, lease.status().events);
}
