//! The scheduler function as Lambda starts it.

use std::convert::Infallible;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use zixly_lambda_kit::{settings::environment, telemetry};
use zixly_scheduler::{App, SchedulerConfig};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    // Compiled to nothing but in the tests that kill the scheduler at a named point.
    let _failpoints = fail::FailScenario::setup();
    let config = SchedulerConfig::from_lookup(environment)?;
    let app = App::new(config, &zixly_lambda_kit::aws::sdk_config(environment)?);
    run(service_fn(async |event: LambdaEvent<Value>| {
        Ok::<_, Infallible>(app.run(event.context.deadline()).await)
    }))
    .await
}
