# Copy to production.tfvars and change; `make deploy ENV=aws NAME=production` reads it. Nothing secret belongs here.
# variables.tf says what else can be set.

region = "ap-southeast-2" # where the database is

# A project of Supabase's: https://supabase.com/dashboard/project/_/settings/api-keys
auth_issuer = "https://abcdefghijklmnop.supabase.co/auth/v1"
auth_key    = "sb_publishable_change_me"

# Who hears of alarms; each address confirms a message of AWS's first.
alarm_emails       = ["operations@example.com"]
monthly_budget_usd = 50

# A new account has ten environments and can reserve none, until AWS has raised the limit.
reserves_concurrency = true

# With a domain in Route 53; without one, the APIs have addresses of AWS's.
# webhook_domain = { name = "hooks.example.com", hosted_zone_id = "Z0123456789" }
# app_domain     = { name = "zixly.example.com", hosted_zone_id = "Z0123456789" }

# E-mails of notifications, from an identity that Amazon SES has verified.
# email = { sender = "zixly@example.com", identity = "example.com" }
