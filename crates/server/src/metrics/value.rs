use std::borrow::Cow;
use std::fmt;

use super::decimal::JavaDouble;

/// The value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A count, a size in bytes, a time in ms.
    Integer(i64),
    /// An average or a probability.
    Decimal(f64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Integer(value) => value.fmt(f),
            Value::Decimal(value) => JavaDouble(*value).fmt(f),
        }
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Decimal(value)
    }
}

/// One metric of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// ZooKeeper's name, without the prefix `zk_`.
    pub key: Cow<'static, str>,
    /// What it is at.
    pub value: Value,
}

impl Entry {
    pub(super) fn new(key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}
