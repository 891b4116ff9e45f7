//! Who registers, changes or removes something and is answered can read it in the catalog, or the
//! agent has tried to tell the catalog and failed since.

use super::{Verdict, hold};
use crate::edge::client::Arrived;
use crate::edge::cluster::Cluster;
use crate::edge::model::{Item, Model};
use crate::edge::wish::{Kind, Wish};

const RULE: &str = "told before it is answered";

/// A wish is answered as done, and no write has failed since it arrived.
pub fn answered(wish: &Wish, arrived: &Arrived, model: &Model, cluster: &Cluster) -> Verdict {
    for item in &arrived.items {
        // Who says of a check what is said of it already need not wait for the catalog.
        let says_nothing_new = matches!((wish, item), (Wish::Ttl { .. }, Item::Check(id))
            if model.checks.get(id).is_none_or(|own| own.changed < arrived.seq));
        let went_since = model.gone.get(item).is_some_and(|at| *at > arrived.seq);
        if says_nothing_new || went_since || cluster.disturbed_since(item, arrived.seq) {
            continue;
        }
        match item {
            Item::Service(id) => service(id, arrived.seq, model, cluster)?,
            Item::Check(id) => check(id, arrived.seq, model, cluster)?,
        }
    }
    Ok(())
}

fn service(id: &str, seq: u64, model: &Model, cluster: &Cluster) -> Verdict {
    let row = cluster.service(id);
    let Some(own) = model.services.get(id) else {
        return hold(RULE, row.is_none(), || format!("{id} is gone, and the catalog has {row:?}"));
    };
    if own.changed > seq {
        return Ok(());
    }
    let version = row.as_ref().and_then(|row| row.meta.as_ref()?.get("v").map(str::to_owned));
    let told = version.as_deref() == Some(own.wish.version.to_string().as_str());
    hold(RULE, told, || format!("{own:?} is in the catalog as {row:?}"))
}

fn check(id: &str, seq: u64, model: &Model, cluster: &Cluster) -> Verdict {
    let row = cluster.check(id);
    let Some(own) = model.checks.get(id) else {
        return hold(RULE, row.is_none(), || format!("{id} is gone, and the catalog has {row:?}"));
    };
    if own.changed > seq {
        return Ok(());
    }
    let told = row.as_ref().is_some_and(|row| {
        row.status == own.status
            && row.service_id.as_str() == own.wish.service
            && (own.wish.kind == Kind::Maintenance || row.notes == own.wish.notes())
    });
    hold(RULE, told, || format!("{own:?} is in the catalog as {row:?}"))
}
