//! Reads the configuration anew and puts what can change while an agent runs into force. It begins
//! with all that may fail; the rest cannot.
//! Invariant: a configuration that is not taken over whole changes nothing.
//!
//! Source: consul-surface D.5 for what changes; Consul 1.22 documentation, `consul reload`.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tribune_node::Local;
use tribune_node::server::Identity;

use crate::config::{self, AgentArgs, Loaded, Machine, Reloaded, RuntimeConfig};
use crate::dns::{self, DnsSettings};
use crate::doors::{Doors, Front};
use crate::http::Api;
use crate::http_settings::{agent_info, http_config};
use crate::log::Log;
use crate::notify;
use crate::own::{self, OwnProber};
use crate::telemetry::Telemetry;
use crate::watches::{self, Watches};

/// The parts of a running agent that a reload changes.
pub struct Reloader {
    pub args: AgentArgs,
    /// What is in force.
    pub loaded: Loaded,
    pub identity: Identity,
    pub leave: CancellationToken,
    pub log: Log,
    pub telemetry: Arc<Telemetry>,
    pub front: Arc<Front>,
    pub doors: Doors,
    pub dns: watch::Sender<Arc<DnsSettings>>,
    pub local: Local,
    pub prober: Arc<OwnProber>,
    pub watches: Watches,
}

impl Reloader {
    /// Does it, and says how it went: to the log, to the service manager and to the caller.
    ///
    /// # Errors
    /// Why the old configuration is still in force.
    pub async fn reload(&mut self) -> Result<(), String> {
        notify::reloading();
        tracing::info!("reloading the configuration");
        let done = self.take_over().await;
        match &done {
            Ok(()) => tracing::info!("configuration reloaded"),
            Err(error) => tracing::error!(%error, "configuration not reloaded, the old one holds"),
        }
        notify::notify("READY=1");
        done
    }

    async fn take_over(&mut self) -> Result<(), String> {
        let Reloaded { loaded, need_restart } = self.read().await?;
        let config = &loaded.config;
        let watchings = watches::of(config).map_err(|error| error.to_string())?;
        let tls = self.doors.prepare(config).map_err(|error| error.to_string())?;
        let prober = OwnProber::prepare(config).map_err(|error| error.to_string())?;
        own::register(config, &self.local).await.map_err(|error| error.to_string())?;
        let renewed = own::renew(config, &self.identity, &self.local).await;
        renewed.map_err(|error| error.to_string())?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        if !need_restart.is_empty() {
            let keys = need_restart.join(", ");
            tracing::warn!(keys, "changed, but in force only after a restart");
        }
        self.log.set_level(config.log.level);
        self.telemetry.reload(&config.telemetry);
        self.doors.replace(tls);
        self.prober.replace(prober);
        self.dns.send_replace(Arc::new(dns::settings(config)));
        self.front.replace(self.api(config));
        self.watches.replace(watchings).await;
        self.loaded = loaded;
        Ok(())
    }

    async fn read(&self) -> Result<Reloaded, String> {
        let (args, running) = (self.args.clone(), self.loaded.clone());
        let read =
            tokio::task::spawn_blocking(move || config::reload(&args, &Machine, &running)).await;
        let read = read.map_err(|error| error.to_string())?;
        read.map_err(|errors| errors.to_string())
    }

    fn api(&self, config: &RuntimeConfig) -> Api {
        let mut api = self.front.api().as_ref().clone();
        api.config = http_config(config);
        api.info = agent_info(config, &self.identity, self.leave.clone());
        api
    }
}
