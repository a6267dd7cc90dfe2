//! The worker function as Lambda starts it.

use std::convert::Infallible;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use zixly_lambda_kit::{settings::environment, telemetry};
use zixly_worker::{App, WorkerConfig};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    // Compiled to nothing but in the tests that kill the worker at a named point.
    let _failpoints = fail::FailScenario::setup();
    let config = WorkerConfig::from_lookup(environment)?;
    let app = App::new(config, &zixly_lambda_kit::aws::sdk_config(environment)?);
    run(service_fn(async |event: LambdaEvent<_>| {
        Ok::<_, Infallible>(app.handle_batch(event.payload, event.context.deadline()).await)
    }))
    .await
}
