//! Texts of errors.

/// 100 bytes, as a database says them.
pub const MESSAGE_100: &str =
    "[TABLE_OR_VIEW_NOT_FOUND] The table or view `sales`.`orders` cannot be found. SQLSTATE: 42P01; pos 4";

/// 500 bytes, with what a driver's own libraries say.
pub const MESSAGE_500: &str = "Error running query: [UNRESOLVED_COLUMN.WITH_SUGGESTION] A column or function parameter with name `customer_mail` cannot be resolved. Did you mean one of the following? [`customer_id`, `customer_key`]. SQLSTATE: 42703; line 12 pos 7; the request to https://dbc-a1b2.cloud.databricks.com/api/2.0/sql/statements failed after 3 attempts: connection reset by peer (os error 104), the last of them from 10.20.30.40:51234 as ann@example.com with token dapi0123456789abcdef0123456789abcdef; it gives up now.";
