//! The realtime function as Lambda starts it.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use zixly_lambda_kit::{settings::environment, telemetry};
use zixly_realtime::{App, RealtimeConfig};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let config = RealtimeConfig::from_lookup(environment)?;
    let app = App::new(&config, &zixly_lambda_kit::aws::sdk_config(environment)?);
    run(service_fn(async |event: LambdaEvent<_>| {
        app.answer(event.payload, event.context.deadline()).await.map_err(Error::from)
    }))
    .await
}
