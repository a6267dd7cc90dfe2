//! What Terraform made of the local AWS: the same when it is asked again, and gone when it is to go.

use serde_json::{Value, json};

use crate::world::{World, zixly};

pub async fn applying_again_changes_nothing(_: &mut World) {
    let said = terraform(&["apply", "-auto-approve", "-no-color"]);
    assert!(said.contains("No changes. Your infrastructure matches the configuration."), "{said}");
    assert!(said.contains("Resources: 0 added, 0 changed, 0 destroyed."), "{said}");
}

/// The last scenario: nothing works after it. What functions made themselves, such as token sets, is theirs to remove.
pub async fn destroying_takes_everything(world: &mut World) {
    let made = terraform(&["state", "list"]).lines().filter(|line| !line.contains(".data.")).count();
    assert!(made > 100, "{made} resources");
    let said = terraform(&["destroy", "-auto-approve", "-no-color"]);
    assert!(said.contains(&format!("Resources: {made} destroyed.")), "{said}");

    let queues = world.aws("AmazonSQS.ListQueues", json!({})).await;
    let tables = world.aws("DynamoDB_20120810.ListTables", json!({})).await;
    let keys = world.aws("TrentService.ListAliases", json!({})).await;
    let groups = world.aws("Logs_20140328.DescribeLogGroups", json!({})).await;
    let functions = world.aws_path("/2015-03-31/functions/").await;
    let apis = world.aws_path("/v2/apis").await;
    for (parts, list) in [
        (&queues, "QueueUrls"),
        (&tables, "TableNames"),
        (&keys, "Aliases"),
        (&groups, "logGroups"),
        (&functions, "Functions"),
        (&apis, "items"),
    ] {
        let left =
            parts[list].as_array().map_or_else(Vec::new, |parts| parts.iter().filter(is_ours).collect());
        assert!(left.is_empty(), "{list}: {left:?}");
    }
}

fn is_ours(part: &&Value) -> bool {
    part.to_string().contains("zixly-local")
}

/// Terraform over what the stack was made by.
fn terraform(arguments: &[&str]) -> String {
    let output = zixly(&[&["terraform"], arguments].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}
