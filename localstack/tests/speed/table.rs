//! A table of DynamoDB, as far as the budgets of calls need one: items that are written on a condition.

use std::cmp::Ordering;
use std::collections::HashMap;

use serde_json::{Map, Value, json};

type Item = Map<String, Value>;

/// The items by their keys.
#[derive(Default)]
pub struct Table(HashMap<String, Item>);

impl Table {
    /// `UpdateItem` with `SET` alone. Gives the item as it is then; or, where the condition does not hold, as it was.
    pub fn update(&mut self, request: &Value) -> Result<Item, Item> {
        let item = self.0.entry(request["Key"].to_string()).or_default();
        let asked = Asked { request, item };
        if !request["ConditionExpression"].as_str().is_none_or(|condition| asked.holds(condition)) {
            return Err(item.clone());
        }
        let update = request["UpdateExpression"].as_str().and_then(|update| update.strip_prefix("SET "));
        let set: Vec<(String, Value)> = update
            .expect("only SET is known")
            .split(", ")
            .map(|assignment| asked.assigned(assignment))
            .collect();
        item.extend(set);
        Ok(item.clone())
    }
}

/// The item that a request is about, as it is before.
struct Asked<'a> {
    request: &'a Value,
    item: &'a Item,
}

impl Asked<'_> {
    /// `a AND (b OR c)`; each a comparison of numbers, or `attribute_not_exists(…)`.
    fn holds(&self, condition: &str) -> bool {
        let condition = condition.trim();
        if let Some((one, other)) = split(condition, " OR ") {
            return self.holds(one) || self.holds(other);
        }
        if let Some((one, other)) = split(condition, " AND ") {
            return self.holds(one) && self.holds(other);
        }
        let inner = |function| condition.strip_prefix(function)?.strip_suffix(')');
        if let Some(name) = inner("attribute_not_exists(") {
            return !self.item.contains_key(self.name(name));
        }
        if let Some(condition) = inner("(") {
            return self.holds(condition);
        }
        let words: Vec<&str> = condition.split(' ').collect();
        let [one, operator, other] = words[..] else { panic!("{condition} is not understood") };
        let (Some(one), Some(other)) = (self.number(one), self.number(other)) else { return false };
        match (operator, one.cmp(&other)) {
            ("=" | "<=" | ">=", Ordering::Equal) => true,
            ("<" | "<=", is) => is == Ordering::Less,
            (">" | ">=", is) => is == Ordering::Greater,
            _ => false,
        }
    }

    /// `#left = :left`, or `#left = #left - :units`.
    fn assigned(&self, assignment: &str) -> (String, Value) {
        let words: Vec<&str> = assignment.split(' ').collect();
        let number = |operand| self.number(operand).expect("a sum is made of numbers");
        let value = match words[2..] {
            [value] => self.request["ExpressionAttributeValues"][value].clone(),
            [one, "+", other] => json!({ "N": (number(one) + number(other)).to_string() }),
            [one, "-", other] => json!({ "N": (number(one) - number(other)).to_string() }),
            _ => panic!("{assignment} is not understood"),
        };
        (self.name(words[0]).to_owned(), value)
    }

    fn number(&self, operand: &str) -> Option<i64> {
        let value = match operand.starts_with(':') {
            true => self.request["ExpressionAttributeValues"].get(operand)?,
            false => self.item.get(self.name(operand))?,
        };
        value["N"].as_str()?.parse().ok()
    }

    /// The attribute that `#name` stands for.
    fn name(&self, placeholder: &str) -> &str {
        self.request["ExpressionAttributeNames"][placeholder].as_str().expect("each name has its meaning")
    }
}

/// What stands before and behind the first such word outside brackets.
fn split<'a>(condition: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let mut depth = 0;
    for (at, letter) in condition.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 && condition[at..].starts_with(word) => {
                return Some((&condition[..at], &condition[at + word.len()..]));
            }
            _ => {}
        }
    }
    None
}
