//! The admin function as Lambda starts it.

use std::sync::Arc;

use lambda_http::{Error, run, service_fn};
use zixly_admin::{AdminConfig, App, answer};
use zixly_lambda_kit::{settings::environment, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let config = AdminConfig::from_lookup(environment)?;
    let app = Arc::new(App::new(config, &zixly_lambda_kit::aws::sdk_config(environment)?));
    run(service_fn(async |request| Ok::<_, std::convert::Infallible>(answer(&app, request).await))).await
}
