//! What the instances of the functions have measured: each its own row, so that no row is hot. The numbers of rows that
//! nobody writes any more are added up in one row a function.

use serde_json::{Map, Number, Value};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::{Session, StoreError};

pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("metric_shards::INSERT", INSERT),
    ("metric_shards::UPDATE", UPDATE),
    ("metric_shards::LOAD_ALL", LOAD_ALL),
    ("metric_shards::LOCK_SUMS", LOCK_SUMS),
    ("metric_shards::TAKE_IDLE", TAKE_IDLE),
    ("metric_shards::LOAD_SUM", LOAD_SUM),
    ("metric_shards::SAVE_SUM", SAVE_SUM),
];

const INSERT: &str = "
    insert into metric_shards (instance_id, function, series)
    values ($1, $2, $3)
    on conflict (instance_id) do update set series = excluded.series, updated_at = now()";

const UPDATE: &str = "
    update metric_shards set series = $2, updated_at = now() where instance_id = $1";

const LOAD_ALL: &str = "select series from metric_shards";

/// One at a time adds up, and nobody else is held up. The number is any that nobody else takes.
const LOCK_SUMS: &str = "select pg_advisory_xact_lock(7104873)";

/// Rows of sums begin with zeros, which no instance's id does.
const TAKE_IDLE: &str = "
    delete from metric_shards
     where instance_id in (select instance_id
                             from metric_shards
                            where updated_at < now() - interval '1 hour'
                              and instance_id >= '00000000-0000-0001-0000-000000000000'
                            order by updated_at
                            limit $1
                              for update skip locked)
    returning function, series";

const LOAD_SUM: &str = "
    select series from metric_shards
     where instance_id = ('00000000-0000-0000-0000-' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 12))::uuid";

const SAVE_SUM: &str = "
    insert into metric_shards (instance_id, function, series)
    values (('00000000-0000-0000-0000-' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 12))::uuid, $1, $2)
    on conflict (instance_id) do update set series = excluded.series, updated_at = now()";

/// The row of one instance.
///
/// An instance may be frozen for longer than its row is kept. Its numbers are in the sum then, and it goes on in a new
/// row with what it has measured since.
#[derive(Debug)]
pub struct Shard {
    function: &'static str,
    instance_id: Uuid,
    /// What the row holds, once there is one.
    saved: Option<Value>,
    /// What rows of before hold, wherever they are now.
    left_behind: Value,
}

impl Shard {
    /// The row, yet to be made, of an instance of `function` that has just started.
    pub fn new(function: &'static str) -> Self {
        Self { function, instance_id: Uuid::now_v7(), saved: None, left_behind: Value::Object(Map::new()) }
    }

    /// Saves all that the instance has measured since it started: by series, a number, or
    /// `{"buckets":[n,…],"sum":x,"count":n}`. The same again changes nothing.
    pub async fn save(&mut self, session: &mut Session<'_>, series: &Value) -> Result<(), StoreError> {
        let own = combined(series, &self.left_behind, Sign::Minus);
        if let Some(saved) = &self.saved {
            let parameters: [(&(dyn ToSql + Sync), Type); 2] =
                [(&self.instance_id, Type::UUID), (&own, Type::JSONB)];
            if session.client().execute_typed(UPDATE, &parameters).await? == 1 {
                self.saved = Some(own);
                return Ok(());
            }
            self.left_behind = combined(&self.left_behind, saved, Sign::Plus);
            self.instance_id = Uuid::now_v7();
            self.saved = None;
        }
        let own = combined(series, &self.left_behind, Sign::Minus);
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&self.instance_id, Type::UUID), (&self.function, Type::TEXT), (&own, Type::JSONB)];
        session.client().execute_typed(INSERT, &parameters).await?;
        self.saved = Some(own);
        Ok(())
    }
}

/// The series of every row, at one moment. Added up, they are what all instances have ever measured.
pub async fn load_all(session: &mut Session<'_>) -> Result<Vec<Value>, StoreError> {
    let rows = session.client().query_typed(LOAD_ALL, &[]).await?;
    rows.iter().map(|row| Ok(row.try_get("series")?)).collect()
}

/// Adds up to `limit` rows that were not written for an hour to their function's sum, all at one moment. Gives how many
/// they were.
pub async fn fold_idle(session: &mut Session<'_>, limit: i64) -> Result<usize, StoreError> {
    let tx = session.begin_unbound()?;
    tx.inner.query_typed(LOCK_SUMS, &[]).await?;
    let idle = tx.inner.query_typed(TAKE_IDLE, &[(&limit, Type::INT8)]).await?;
    let mut sums: Vec<(&str, Value)> = Vec::new();
    for row in &idle {
        let (function, series): (&str, Value) = (row.try_get("function")?, row.try_get("series")?);
        match sums.iter_mut().find(|(of, _)| *of == function) {
            Some((_, sum)) => *sum = combined(sum, &series, Sign::Plus),
            None => sums.push((function, series)),
        }
    }
    for (function, sum) in sums {
        let before = tx.inner.query_typed(LOAD_SUM, &[(&function, Type::TEXT)]).await?;
        let sum = match before.first() {
            Some(row) => combined(&row.try_get("series")?, &sum, Sign::Plus),
            None => sum,
        };
        tx.inner.execute_typed(SAVE_SUM, &[(&function, Type::TEXT), (&sum, Type::JSONB)]).await?;
    }
    tx.commit().await?;
    Ok(idle.len())
}

#[derive(Clone, Copy)]
enum Sign {
    Plus,
    Minus,
}

/// `one` with `other` added or taken away, number by number; what only one of them has counts as zero in the other.
fn combined(one: &Value, other: &Value, sign: Sign) -> Value {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
            let nothing = Value::Null;
            let of = |object: &Map<String, Value>, key: &String| object.get(key).unwrap_or(&nothing).clone();
            keys.map(|key| (key.clone(), combined(&of(one, key), &of(other, key), sign))).collect()
        }
        (Value::Array(one), Value::Array(other)) => (0..one.len().max(other.len()))
            .map(|index| {
                let of = |list: &[Value]| list.get(index).cloned().unwrap_or(Value::Null);
                combined(&of(one), &of(other), sign)
            })
            .collect(),
        (Value::Null, Value::Object(_)) => combined(&Value::Object(Map::new()), other, sign),
        (Value::Null, Value::Array(_)) => combined(&Value::Array(Vec::new()), other, sign),
        (Value::Null | Value::Number(_), Value::Number(_)) => difference_or_sum(one, other, sign),
        // Nothing to add, or of another shape, which is of a version that measured something else.
        (one, _) => one.clone(),
    }
}

fn difference_or_sum(one: &Value, other: &Value, sign: Sign) -> Value {
    let counts = (one.as_u64().or(one.is_null().then_some(0)), other.as_u64());
    if let (Some(one), Some(other)) = counts {
        return match sign {
            Sign::Plus => one.saturating_add(other),
            Sign::Minus => one.saturating_sub(other),
        }
        .into();
    }
    let (one, other) = (one.as_f64().unwrap_or_default(), other.as_f64().unwrap_or_default());
    let value = match sign {
        Sign::Plus => one + other,
        Sign::Minus => one - other,
    };
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_and_histograms_are_added_element_by_element() {
        let one = json!({ "a": 1, "h": { "buckets": [1, 0], "sum": 0.5, "count": 1 } });
        let other = json!({ "a": 2.5, "b": 4, "h": { "buckets": [0, 2, 1], "sum": 1.25, "count": 3 } });
        let sum = json!({ "a": 3.5, "b": 4, "h": { "buckets": [1, 2, 1], "sum": 1.75, "count": 4 } });
        assert_eq!(combined(&one, &other, Sign::Plus), sum);
        assert_eq!(combined(&json!({}), &other, Sign::Plus), other);
        assert_eq!(
            combined(&sum, &one, Sign::Minus),
            json!({ "a": 2.5, "b": 4, "h": { "buckets": [0, 2, 1], "sum": 1.25, "count": 3 } })
        );
    }
}
