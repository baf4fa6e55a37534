//! Mocks of every trait, for expectations on single calls. What a test can say with a script is shorter with a script.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use telemetry_core::plugin::{
    Attempt, AuthHeaders, BoxFuture, BreakerSource, BreakerState, FlagQuery, FlagSet, HttpRequest,
    HttpResponse, Outcome, Permit, PluginError, Receipt, Rejected, ScopeId, Tick, Transport,
};
use telemetry_core::{Breaker, Clock, CredentialProvider, Exporter, FeatureFlagSource, Host};

mockall::mock! {
    /// A mock of [`Exporter`]. What its expectations return is what the call's future completes with.
    ///
    /// Called on the mock itself, `export` is the plain function that expectations are set on; the trait's method is
    /// reached through `dyn Exporter` or `Exporter::export`.
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
    /// A mock of [`FeatureFlagSource`]. What its expectations return is what the call's future completes with.
    ///
    /// Called on the mock itself, `flags` is the plain function that expectations are set on; the trait's method is
    /// reached through `dyn FeatureFlagSource` or `FeatureFlagSource::flags`.
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
    /// A mock of [`CredentialProvider`]. What its expectations return is what the call's future completes with.
    pub CredentialProvider {}

    #[async_trait]
    impl CredentialProvider for CredentialProvider {
        fn scope(&self) -> ScopeId;
        async fn headers(&self) -> Result<AuthHeaders, PluginError>;
    }
}

mockall::mock! {
    /// A mock of [`Breaker`].
    pub Breaker {}

    impl Breaker for Breaker {
        fn admit(&self, now: Tick) -> Result<Permit, Rejected>;
        fn settle(&self, permit: Permit, outcome: Outcome, now: Tick);
        fn state(&self, now: Tick) -> BreakerState;
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
    use mockall::predicate::eq;
    use telemetry_core::plugin::{FlagOrigin, Method};
    use telemetry_core::{Fault, HostPolicy};

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

        let mut flags = MockFeatureFlagSource::new();
        flags
            .expect_flags()
            .withf(|query| query.client == "RUST")
            .returning(|_| Ok(FlagSet::new([].into(), FlagOrigin::Fixed, Tick::MAX)));
        let flags: Arc<dyn FeatureFlagSource> = Arc::new(flags);
        assert!(flags.flags(&FlagQuery::new(&host, "RUST", "1")).await.is_ok());

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
            breaker.expect_admit().returning(|now| Err(Rejected::until(now)));
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
