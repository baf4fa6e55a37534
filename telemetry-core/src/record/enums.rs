//! The wire's enums. Each value knows its name on the wire, and each name its value.

use std::fmt;

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $wire:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$value_doc])* $value,)* }

        impl $name {
            /// Every value, in the schema's order.
            pub const ALL: &'static [$name] = &[$($name::$value),*];

            /// The value's name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$value => $wire,)* }
            }

            /// The value with this name on the wire.
            pub fn from_wire(name: &str) -> Option<Self> {
                match name { $($wire => Some($name::$value),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

wire_enum! {
    /// The protocol that the driver speaks to the warehouse.
    DriverMode {
        /// Not said.
        Unspecified = "TYPE_UNSPECIFIED",
        /// HiveServer2's Thrift protocol.
        Thrift = "THRIFT",
        /// The Statement Execution REST API.
        Sea = "SEA",
    }
}

wire_enum! {
    /// What a statement is for.
    StatementType {
        /// Not said.
        Unspecified = "TYPE_UNSPECIFIED",
        /// It gives rows.
        Query = "QUERY",
        /// Any other SQL.
        Sql = "SQL",
        /// It changes rows.
        Update = "UPDATE",
        /// It asks for metadata.
        Metadata = "METADATA",
        /// It moves files of a volume.
        Volume = "VOLUME",
    }
}

wire_enum! {
    /// The driver's call that a record is about.
    OperationType {
        /// Not said.
        Unspecified = "TYPE_UNSPECIFIED",
        /// A session was opened.
        CreateSession = "CREATE_SESSION",
        /// A session was closed.
        DeleteSession = "DELETE_SESSION",
        /// A statement ran.
        ExecuteStatement = "EXECUTE_STATEMENT",
        /// A statement was started without waiting for it.
        ExecuteStatementAsync = "EXECUTE_STATEMENT_ASYNC",
        /// A statement was closed.
        CloseStatement = "CLOSE_STATEMENT",
        /// A statement was cancelled.
        CancelStatement = "CANCEL_STATEMENT",
        /// Type information was listed.
        ListTypeInfo = "LIST_TYPE_INFO",
        /// Catalogs were listed.
        ListCatalogs = "LIST_CATALOGS",
        /// Schemas were listed.
        ListSchemas = "LIST_SCHEMAS",
        /// Tables were listed.
        ListTables = "LIST_TABLES",
        /// Table types were listed.
        ListTableTypes = "LIST_TABLE_TYPES",
        /// Columns were listed.
        ListColumns = "LIST_COLUMNS",
        /// Functions were listed.
        ListFunctions = "LIST_FUNCTIONS",
        /// Primary keys were listed.
        ListPrimaryKeys = "LIST_PRIMARY_KEYS",
        /// Imported keys were listed.
        ListImportedKeys = "LIST_IMPORTED_KEYS",
        /// Exported keys were listed.
        ListExportedKeys = "LIST_EXPORTED_KEYS",
        /// Cross references were listed.
        ListCrossReferences = "LIST_CROSS_REFERENCES",
    }
}

wire_enum! {
    /// How a result came.
    ResultFormat {
        /// Not said.
        Unspecified = "FORMAT_UNSPECIFIED",
        /// Arrow, in the answer itself.
        InlineArrow = "INLINE_ARROW",
        /// JSON, in the answer itself.
        InlineJson = "INLINE_JSON",
        /// Links to chunks in cloud storage.
        ExternalLinks = "EXTERNAL_LINKS",
        /// Thrift columns, in the answer itself.
        ColumnarInline = "COLUMNAR_INLINE",
    }
}

wire_enum! {
    /// What was done to a volume.
    VolumeOperationType {
        /// Not said.
        Unspecified = "TYPE_UNSPECIFIED",
        /// A file was uploaded.
        Put = "PUT",
        /// A file was downloaded.
        Get = "GET",
        /// A file was deleted.
        Delete = "DELETE",
        /// Files were listed.
        List = "LIST",
        /// Anything else was asked.
        Query = "QUERY",
    }
}

wire_enum! {
    /// How a proxy asks who is there.
    ProxyAuth {
        /// Not said.
        Unspecified = "AUTH_UNSPECIFIED",
        /// Not at all.
        None = "NONE",
        /// User name and password.
        Basic = "BASIC",
        /// Kerberos or NTLM, negotiated.
        Spnego = "SPNEGO",
    }
}

wire_enum! {
    /// What proves who connects.
    AuthMech {
        /// Not said.
        Unspecified = "TYPE_UNSPECIFIED",
        /// None of the others.
        Other = "OTHER",
        /// A personal access token.
        Pat = "PAT",
        /// OAuth.
        OAuth = "OAUTH",
    }
}

wire_enum! {
    /// How the driver obtains an OAuth token.
    AuthFlow {
        /// Not said.
        Unspecified = "TYPE_UNSPECIFIED",
        /// It is handed in.
        TokenPassthrough = "TOKEN_PASSTHROUGH",
        /// With a client's secret.
        ClientCredentials = "CLIENT_CREDENTIALS",
        /// Through a browser.
        BrowserBasedAuthentication = "BROWSER_BASED_AUTHENTICATION",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_each_others_inverse() {
        for value in OperationType::ALL {
            assert_eq!(OperationType::from_wire(value.as_str()), Some(*value));
        }
        assert_eq!(OperationType::ALL.len(), 18);
        assert_eq!(OperationType::from_wire("execute_statement"), None);
    }
}
