output "application" {
  description = "Name of the CodeDeploy application; each function's deployment group has the function's name."
  value       = aws_codedeploy_app.this.name

  # Who goes by the name starts a rollout, which needs the groups.
  depends_on = [aws_codedeploy_deployment_group.this]
}
