//! Mocks of every trait, for expectations on single calls. What a test can say with a script is shorter with
//! a script.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use telemetry_core::plugin::{
    Attempt, AuthHeaders, BoxFuture, BreakerSource, BreakerState, FlagQuery, FlagSet, HttpRequest,
    HttpResponse, Outcome, Permit, PermitIssuer, PluginError, Receipt, Rejected, ScopeId, Tick, Transport,
};
use telemetry_core::{Breaker, Clock, CredentialProvider, Exporter, FeatureFlagSource, Host};

mockall::mock! {
    /// A mock of [`Exporter`]. What its expectations return is what the call's future completes with.
    ///
    /// Called on the mock itself, `export` is the plain function that expectations are set on; the trait's
    /// method is reached through `dyn Exporter` or `Exporter::export`.
    ///
    /// ```
    /// use telemetry_core::Exporter;
    /// use telemetry_core::plugin::Receipt;
    /// use telemetry_testkit::MockExporter;
    ///
    /// let mut exporter = MockExporter::new();
    /// exporter.expect_export().times(0..=1).returning(|attempt| Ok(Receipt::new(attempt.records.len())));
    /// let exporter: Box<dyn Exporter> = Box::new(exporter);
    /// # drop(exporter);
    /// ```
    pub Exporter {
        /// What [`Exporter::export`] calls.
        pub fn export<'a>(&self, attempt: &Attempt<'a>) -> Result<Receipt, PluginError>;
    }
}

#[async_trait]
impl Exporter for MockExporter {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        // The mock's own function, which comes before the trait's.
        MockExporter::export(self, attempt)
    }
}

mockall::mock! {
    /// A mock of [`FeatureFlagSource`]. What its expectations return is what the call's future completes
    /// with.
    ///
    /// Called on the mock itself, `flags` is the plain function that expectations are set on; the trait's
    /// method is reached through `dyn FeatureFlagSource` or `FeatureFlagSource::flags`.
    pub FeatureFlagSource {
        /// What [`FeatureFlagSource::flags`] calls.
        pub fn flags<'a>(&self, query: &FlagQuery<'a>) -> Result<FlagSet, PluginError>;
    }
}

#[async_trait]
impl FeatureFlagSource for MockFeatureFlagSource {
    async fn flags(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        // The mock's own function, which comes before the trait's.
        MockFeatureFlagSource::flags(self, query)
    }
}

mockall::mock! {
    /// A mock of [`Transport`]. What its expectations return is what the call's future completes with.
    pub Transport {}

    #[async_trait]
    impl Transport for Transport {
        async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PluginError>;
    }
}

mockall::mock! {
    /// A mock of [`CredentialProvider`]. What its expectations return is what the call's future completes
    /// with.
    pub CredentialProvider {}

    #[async_trait]
    impl CredentialProvider for CredentialProvider {
        fn scope(&self) -> ScopeId;
        async fn headers(&self) -> Result<AuthHeaders, PluginError>;
    }
}

mockall::mock! {
    /// A mock of [`Breaker`]. An admitted call's permit comes back as `settled`, or as `unsettled`.
    ///
    /// ```
    /// use telemetry_core::Breaker;
    /// use telemetry_core::plugin::{Outcome, Tick};
    /// use telemetry_testkit::MockBreaker;
    ///
    /// let mut breaker = MockBreaker::new();
    /// breaker.expect_admitted().returning(|_now| Ok(7));
    /// let told = |ticket: &u64, outcome: &Outcome, _: &Tick| (*ticket, *outcome) == (7, Outcome::Success);
    /// breaker.expect_settled().once().withf(told).return_const(());
    /// breaker.admit(Tick::ZERO).expect("it admits").settle(Outcome::Success, Tick::ZERO);
    /// ```
    pub Breaker {
        /// What [`Breaker::admit`] calls: the ticket of the permit that it gives.
        pub fn admitted(&self, now: Tick) -> Result<u64, Rejected>;
        /// What [`Breaker::state`] calls.
        pub fn state_at(&self, now: Tick) -> BreakerState;
    }

    impl PermitIssuer for Breaker {
        fn settled(&self, ticket: u64, outcome: Outcome, now: Tick);
        fn unsettled(&self, ticket: u64);
    }
}

impl Breaker for MockBreaker {
    fn admit(&self, now: Tick) -> Result<Permit<'_>, Rejected> {
        self.admitted(now).map(|ticket| Permit::new(self, ticket))
    }

    fn state(&self, now: Tick) -> BreakerState {
        self.state_at(now)
    }
}

mockall::mock! {
    /// A mock of [`BreakerSource`].
    pub BreakerSource {}

    impl BreakerSource for BreakerSource {
        fn breaker(&self, host: &Host) -> Arc<dyn Breaker>;
    }
}

mockall::mock! {
    /// A mock of [`Clock`].
    pub Clock {}

    impl Clock for Clock {
        fn now(&self) -> Tick;
        fn wall(&self) -> SystemTime;
        fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()>;
    }
}

macro_rules! shows_its_name {
    ($($mock:ident)*) => {$(
        impl fmt::Debug for $mock {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($mock))
            }
        }
    )*};
}

shows_its_name! {
    MockExporter MockFeatureFlagSource MockTransport MockCredentialProvider MockBreaker MockBreakerSource MockClock
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mockall::predicate::eq;
    use telemetry_core::plugin::{FlagOrigin, Method};
    use telemetry_core::{DriverIdentity, Fault, HostPolicy};

    use super::*;

    fn host() -> Host {
        Host::parse("a.example", HostPolicy::Public).unwrap()
    }

    #[tokio::test]
    async fn asynchronous_traits_answer_as_expected() {
        let host = host();
        let mut exporter = MockExporter::new();
        exporter.expect_export().once().returning(|attempt| Ok(Receipt::new(attempt.records.len() + 7)));
        let exporter: Arc<dyn Exporter> = Arc::new(exporter);
        let attempt = Attempt::new(&host, &[], SystemTime::UNIX_EPOCH);
        assert_eq!(exporter.export(&attempt).await, Ok(Receipt::new(7)));

        let builder = DriverIdentity::builder().name("Test").version("1");
        let driver = builder.client("RUST").flag("flag").build().unwrap();
        let mut flags = MockFeatureFlagSource::new();
        flags
            .expect_flags()
            .withf(|query| query.driver.client() == "RUST")
            .returning(|_| Ok(FlagSet::new([].into(), FlagOrigin::Fixed, Duration::MAX)));
        let flags: Arc<dyn FeatureFlagSource> = Arc::new(flags);
        assert!(
            flags.flags(&FlagQuery::new(&host, &driver, Tick::ZERO, SystemTime::UNIX_EPOCH)).await.is_ok()
        );

        let mut transport = MockTransport::new();
        transport.expect_send().returning(|_| Err(Fault::Reset.into()));
        let request = HttpRequest::new(Method::Get, host.clone(), "/");
        assert_eq!(transport.send(request).await.unwrap_err(), Fault::Reset.into());

        let mut credentials = MockCredentialProvider::new();
        credentials.expect_scope().return_const(ScopeId::new(3));
        credentials.expect_headers().returning(|| Ok(AuthHeaders::bearer("t")));
        assert_eq!(credentials.scope(), ScopeId::new(3));
        assert!(credentials.headers().await.is_ok());
    }

    #[test]
    fn breakers_and_clocks_answer_as_expected() {
        let mut source = MockBreakerSource::new();
        source.expect_breaker().with(eq(host())).returning(|_| {
            let mut breaker = MockBreaker::new();
            breaker.expect_admitted().returning(|now| Err(Rejected::until(now)));
            Arc::new(breaker)
        });
        assert!(source.breaker(&host()).admit(Tick::ZERO).is_err());
        let mut clock = MockClock::new();
        clock.expect_now().return_const(Tick::MAX);
        assert_eq!(clock.now(), Tick::MAX);
    }

    #[test]
    #[should_panic(expected = "No matching expectation found")]
    fn an_unexpected_call_ends_the_test() {
        MockClock::new().wall();
    }
}
