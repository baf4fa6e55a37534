//! A small schema in the manner of TPC-H, with some thousands of rows that are the same each time.

use rusqlite::{Connection, Result, params};

const REGIONS: [&str; 5] = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"];
const NATIONS: [&str; 10] =
    ["ALGERIA", "BRAZIL", "CANADA", "CHINA", "EGYPT", "FRANCE", "GERMANY", "INDIA", "JAPAN", "KENYA"];
const SEGMENTS: [&str; 4] = ["AUTOMOBILE", "BUILDING", "HOUSEHOLD", "MACHINERY"];
const MODES: [&str; 4] = ["AIR", "RAIL", "SHIP", "TRUCK"];

/// How many customers there are.
pub const CUSTOMERS: u32 = 150;
/// How many orders.
pub const ORDERS: u32 = 1_500;

/// Creates the tables and fills them.
///
/// # Errors
///
/// What SQLite says.
pub fn create(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(
        "CREATE TABLE region (r_regionkey INTEGER PRIMARY KEY, r_name TEXT NOT NULL);
         CREATE TABLE nation (n_nationkey INTEGER PRIMARY KEY, n_name TEXT NOT NULL, n_regionkey INTEGER NOT NULL);
         CREATE TABLE customer (c_custkey INTEGER PRIMARY KEY, c_name TEXT NOT NULL, c_nationkey INTEGER NOT NULL,
             c_mktsegment TEXT NOT NULL, c_acctbal REAL NOT NULL);
         CREATE TABLE orders (o_orderkey INTEGER PRIMARY KEY, o_custkey INTEGER NOT NULL, o_orderdate TEXT NOT NULL,
             o_totalprice REAL NOT NULL);
         CREATE TABLE lineitem (l_orderkey INTEGER NOT NULL, l_linenumber INTEGER NOT NULL, l_quantity INTEGER NOT NULL,
             l_extendedprice REAL NOT NULL, l_shipmode TEXT NOT NULL, l_comment TEXT,
             PRIMARY KEY (l_orderkey, l_linenumber));",
    )?;
    let mut random = fastrand::Rng::with_seed(19_920_101);
    for (key, name) in (0u32..).zip(REGIONS) {
        transaction.execute("INSERT INTO region VALUES (?, ?)", params![key, name])?;
    }
    for (key, name) in (0u32..).zip(NATIONS) {
        transaction.execute("INSERT INTO nation VALUES (?, ?, ?)", params![key, name, random.u32(0..5)])?;
    }
    {
        let mut insert = transaction.prepare("INSERT INTO customer VALUES (?, ?, ?, ?, ?)")?;
        for key in 1..=CUSTOMERS {
            let segment = SEGMENTS[random.usize(..SEGMENTS.len())];
            let balance = f64::from(random.i32(-99_999..=999_999)) / 100.0;
            insert.execute(params![
                key,
                format!("Customer#{key:09}"),
                random.u32(0..10),
                segment,
                balance
            ])?;
        }
        let mut insert = transaction.prepare("INSERT INTO orders VALUES (?, ?, ?, ?)")?;
        let mut insert_line = transaction.prepare("INSERT INTO lineitem VALUES (?, ?, ?, ?, ?, ?)")?;
        for key in 1..=ORDERS {
            let date =
                format!("{}-{:02}-{:02}", random.u32(1992..=1998), random.u32(1..=12), random.u32(1..=28));
            let mut total = 0.0;
            for line in 1..=random.u32(1..=7) {
                let quantity = random.u32(1..=50);
                let price = f64::from(quantity) * f64::from(random.u32(90_000..=110_000)) / 100.0;
                total += price;
                let comment = random.bool().then(|| format!("handle with care, box {}", random.u32(1..=999)));
                insert_line.execute(params![
                    key,
                    line,
                    quantity,
                    price,
                    MODES[random.usize(..MODES.len())],
                    comment
                ])?;
            }
            insert.execute(params![key, random.u32(1..=CUSTOMERS), date, (total * 100.0).round() / 100.0])?;
        }
    }
    transaction.commit()
}
