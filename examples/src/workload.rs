//! A mixed workload: what goes well, what is large, what takes long, and what goes wrong.

use std::time::Duration;

use telemetry_core::status::{OffReason, Status, TelemetryState};
use telemetry_core::{ConnectionSettings, Mode};

use crate::driver::{Connection, Driver, Error, Fetch, Options, Rows};

/// What one statement came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// Which connection it ran on.
    pub connection: &'static str,
    /// What it was.
    pub name: &'static str,
    /// What was done with it.
    pub act: Act,
    /// Its SQL.
    pub sql: &'static str,
    /// Its rows, or its error.
    pub result: Result<Rows, Error>,
}

impl Outcome {
    /// Everything that its caller could see of it, as text: two runs of which this is equal gave the same.
    pub fn seen(&self) -> String {
        match &self.result {
            Ok(rows) => format!("{} {}: {:?}", self.connection, self.name, rows),
            Err(error) => format!("{} {}: {error:?}", self.connection, self.name),
        }
    }
}

/// What became of one connection and its telemetry.
#[derive(Debug)]
#[non_exhaustive]
pub struct Closing {
    /// Which connection.
    pub connection: &'static str,
    /// How its telemetry closed.
    pub closed: telemetry_core::CloseOutcome,
    /// How long that took.
    pub took: Duration,
    /// Whether its telemetry was on, and why, before that.
    pub state: TelemetryState,
    /// Its telemetry's status after that.
    pub status: Status,
}

impl Closing {
    /// Whether the user opted out in the environment.
    pub fn opted_out(&self) -> bool {
        matches!(self.state, TelemetryState::Off(OffReason::OptOut(_)))
    }
}

/// A run of the workload.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Run {
    /// Every statement's outcome, in order.
    pub outcomes: Vec<Outcome>,
    /// Every connection's end, in order.
    pub closings: Vec<Closing>,
}

/// What is done with a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// It is run, and all its rows are read.
    Query(Fetch),
    /// It is asked for the tables.
    Tables,
    /// It is started, and cancelled once it runs.
    Cancel,
}

/// A statement of the workload: a name, what is done with it, and its SQL.
pub type Step = (&'static str, Act, &'static str);

/// Against the embedded warehouse.
pub const EMBEDDED: &[Step] = &[
    ("regions", Act::Query(Fetch::Inline), "SELECT r_regionkey, r_name FROM region ORDER BY r_regionkey"),
    ("tables", Act::Tables, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"),
    (
        "revenue by nation",
        Act::Query(Fetch::Inline),
        "SELECT n_name, count(*) AS orders, round(sum(o_totalprice), 2) AS revenue FROM orders \
         JOIN customer ON o_custkey = c_custkey JOIN nation ON c_nationkey = n_nationkey \
         GROUP BY n_name ORDER BY revenue DESC",
    ),
    (
        "all line items",
        Act::Query(Fetch::Links),
        "SELECT l_orderkey, l_linenumber, l_quantity, l_extendedprice, l_shipmode, l_comment FROM lineitem \
         ORDER BY l_orderkey, l_linenumber",
    ),
    (
        "a slow count",
        Act::Query(Fetch::Poll),
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000) SELECT count(*), sum(i) FROM n",
    ),
    (
        "customers in pages",
        Act::Query(Fetch::Inline),
        "SELECT o_orderkey, o_orderdate FROM orders ORDER BY o_orderkey",
    ),
    ("nothing", Act::Query(Fetch::Inline), "SELECT * FROM customer WHERE c_acctbal > 1e12"),
    (
        "an insert",
        Act::Query(Fetch::Inline),
        "INSERT INTO region SELECT max(r_regionkey) + 1, 'ATLANTIS' FROM region",
    ),
    ("a syntax error", Act::Query(Fetch::Inline), "SELEC c_name FROM customer WHERE c_name = 'Ann Secret'"),
    (
        "a missing table",
        Act::Query(Fetch::Inline),
        "SELECT * FROM invoices WHERE iban = 'DE89370400440532013000'",
    ),
    (
        "a cancelled query",
        Act::Cancel,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    ),
];

/// Against any workspace: nothing but functions that every warehouse has.
pub const ANYWHERE: &[Step] = &[
    ("one", Act::Query(Fetch::Inline), "SELECT 1 AS one"),
    ("tables", Act::Tables, "SHOW TABLES IN information_schema"),
    ("a range", Act::Query(Fetch::Links), "SELECT id, repeat('x', 100) AS padding FROM range(200000)"),
    ("a slow count", Act::Query(Fetch::Poll), "SELECT count(*) FROM range(1000000000)"),
    ("a syntax error", Act::Query(Fetch::Inline), "SELEC 'secret'"),
    ("a missing table", Act::Query(Fetch::Inline), "SELECT * FROM no_such_table_anywhere"),
    ("a cancelled query", Act::Cancel, "SELECT count(*) FROM range(100000000000) a CROSS JOIN range(1000) b"),
];

/// Runs one step.
///
/// # Errors
///
/// What the driver says.
pub async fn run_step(connection: &Connection, (_, act, sql): Step) -> Result<Rows, Error> {
    match act {
        Act::Query(fetch) => connection.query(sql, fetch).await,
        Act::Tables => connection.tables(sql).await,
        Act::Cancel => {
            let mut running = connection.submit(sql, Fetch::Poll).await?;
            running.cancel().await?;
            running.rows().await
        }
    }
}

/// Opens the connections, runs the steps on them, and closes them all at once: two that share a client, one
/// of another tenant, and one with telemetry off.
///
/// # Errors
///
/// What the driver says of opening and closing. Errors of statements are among the outcomes.
pub async fn run(
    driver: &Driver,
    alice: Options,
    bob: Options,
    steps: &'static [Step],
    within: Duration,
) -> Result<Run, Error> {
    let first = driver.connect(alice.clone()).await?;
    let second = driver.connect(alice.clone()).await?;
    let third = driver.connect(bob).await?;
    let off = driver.connect(alice.telemetry(ConnectionSettings::default().mode(Mode::Off))).await?;
    let mut outcomes = Vec::new();
    for step in steps {
        outcomes.push(outcome("alice 1", &first, *step).await);
    }
    for (name, connection) in [("alice 2", &second), ("bob", &third), (WITHOUT, &off)] {
        for step in &steps[..3] {
            outcomes.push(outcome(name, connection, *step).await);
        }
    }
    let closings = tokio::join!(
        closing("alice 1", &first, within),
        closing("alice 2", &second, within),
        closing("bob", &third, within),
        closing(WITHOUT, &off, within),
    );
    Ok(Run { outcomes, closings: vec![closings.0?, closings.1?, closings.2?, closings.3?] })
}

/// The name of the connection that has telemetry off.
pub const WITHOUT: &str = "off";

async fn outcome(name: &'static str, connection: &Connection, step: Step) -> Outcome {
    let result = run_step(connection, step).await;
    Outcome { connection: name, name: step.0, act: step.1, sql: step.2, result }
}

async fn closing(name: &'static str, connection: &Connection, within: Duration) -> Result<Closing, Error> {
    let state = connection.telemetry().state;
    let (closed, took) = connection.close(within).await?;
    Ok(Closing { connection: name, closed, took, state, status: connection.telemetry() })
}
