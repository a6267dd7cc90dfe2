//! The dashboard function as Lambda starts it.

use std::sync::Arc;

use lambda_http::{Error, run, service_fn};
use zixly_dashboard::{App, DashboardConfig, routes};
use zixly_lambda_kit::{settings::environment, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let config = DashboardConfig::from_lookup(environment)?;
    let app = Arc::new(App::new(config, &zixly_lambda_kit::aws::sdk_config(environment)?));
    run(service_fn(async |request| Ok::<_, std::convert::Infallible>(routes::answer(&app, request).await)))
        .await
}
