//! Rows: access control, TLS, the mesh's certificates and peers.

use super::{Kind, Row, group};

pub const ROWS: &[Row] = group! {
    "acl.enabled" Bool "false" : "check permissions of every request";
    "acl.default_policy" Text "allow" : "what holds where no rule says anything: allow or deny";
    "acl.down_policy" Text "extend-cache"
        : "what holds while no server answers: allow, deny, extend-cache or async-cache";
    "acl.token_ttl" Duration "30s" : "how long a token's rights are cached";
    "acl.policy_ttl" Duration "30s" : "how long a policy is cached";
    "acl.role_ttl" Duration "30s" : "how long a role is cached";
    "acl.enable_key_list_policy" Bool "false" : "listing keys needs the list permission";
    "acl.enable_token_replication" Bool "false" : "copy tokens from the primary datacenter";
    "acl.enable_token_persistence" Bool "false" : "keep tokens set by the API on disk";
    "acl.tokens.initial_management" Secret "" : "token with all rights, made at first start";
    "acl.tokens.agent" Secret "" reload : "token the agent works with";
    "acl.tokens.agent_recovery" Secret "" reload
        : "token that manages the agent while no server answers";
    "acl.tokens.default" Secret "" reload : "token of requests that bring none";
    "acl.tokens.replication" Secret "" reload : "token that copies from the primary datacenter";
    "acl.tokens.config_file_service_registration" Secret "" reload
        : "token that registers services of files";
    "acl.tokens.dns" Secret "" reload : "token DNS answers with";
    "acl.tokens.managed_service_provider" Objects "" : "not in this edition";
    "acl.msp_disable_bootstrap" Bool "false" : "not in this edition";

    "tls.defaults.ca_file" Text "" used reload : "CA certificate to check peers with";
    "tls.defaults.ca_path" Text "" used reload : "folder of CA certificates to check peers with";
    "tls.defaults.cert_file" Text "" used reload : "own certificate";
    "tls.defaults.key_file" Text "" used reload : "key of the own certificate";
    "tls.defaults.tls_min_version" Text "TLSv1_2" used reload
        : "lowest version of TLS that is spoken";
    "tls.defaults.tls_cipher_suites" Text "" used reload : "cipher suites, separated by commas";
    "tls.defaults.verify_incoming" Bool "false" used reload : "ask clients for a certificate";
    "tls.defaults.verify_outgoing" Bool "false" reload : "check certificates of servers";
    "tls.internal_rpc.ca_file" Text "" used reload
        : "as in tls.defaults, for traffic within the cluster and for checks";
    "tls.internal_rpc.ca_path" Text "" used reload
        : "as in tls.defaults, for traffic within the cluster and for checks";
    "tls.internal_rpc.cert_file" Text "" used reload
        : "as in tls.defaults, for traffic within the cluster and for checks";
    "tls.internal_rpc.key_file" Text "" used reload
        : "as in tls.defaults, for traffic within the cluster and for checks";
    "tls.internal_rpc.tls_min_version" Text "" reload
        : "as in tls.defaults, for traffic within the cluster";
    "tls.internal_rpc.tls_cipher_suites" Text "" reload
        : "as in tls.defaults, for traffic within the cluster";
    "tls.internal_rpc.verify_incoming" Bool "" reload
        : "as in tls.defaults, for traffic within the cluster";
    "tls.internal_rpc.verify_outgoing" Bool "" reload
        : "as in tls.defaults, for traffic within the cluster";
    "tls.internal_rpc.verify_server_hostname" Bool "false" reload
        : "a server's certificate must name it as a server of the datacenter";
    "tls.https.ca_file" Text "" used reload : "as in tls.defaults, for HTTPS";
    "tls.https.ca_path" Text "" used reload : "as in tls.defaults, for HTTPS";
    "tls.https.cert_file" Text "" used reload : "as in tls.defaults, for HTTPS";
    "tls.https.key_file" Text "" used reload : "as in tls.defaults, for HTTPS";
    "tls.https.tls_min_version" Text "" used reload : "as in tls.defaults, for HTTPS";
    "tls.https.tls_cipher_suites" Text "" used reload : "as in tls.defaults, for HTTPS";
    "tls.https.verify_incoming" Bool "" used reload : "as in tls.defaults, for HTTPS";
    "tls.https.verify_outgoing" Bool "" reload : "as in tls.defaults, for HTTPS";
    "tls.grpc.ca_file" Text "" reload : "as in tls.defaults, for gRPC";
    "tls.grpc.ca_path" Text "" reload : "as in tls.defaults, for gRPC";
    "tls.grpc.cert_file" Text "" reload : "as in tls.defaults, for gRPC";
    "tls.grpc.key_file" Text "" reload : "as in tls.defaults, for gRPC";
    "tls.grpc.tls_min_version" Text "" reload : "as in tls.defaults, for gRPC";
    "tls.grpc.tls_cipher_suites" Text "" reload : "as in tls.defaults, for gRPC";
    "tls.grpc.verify_incoming" Bool "" reload : "as in tls.defaults, for gRPC";
    "tls.grpc.use_auto_cert" Bool "false" reload
        : "serve gRPC with the certificate of auto_encrypt or auto_config";
    "server_name" Text "" used
        : "name that checks expect where they name none, with enable_agent_tls_for_checks";
    "enable_agent_tls_for_checks" Bool "false" used
        : "checks use the agent's certificate";
    "auto_encrypt.tls" Bool "false" : "client: get certificates from the servers";
    "auto_encrypt.allow_tls" Bool "false" : "server: give clients certificates";
    "auto_encrypt.dns_san" List "" : "further DNS names of the client's certificate";
    "auto_encrypt.ip_san" List "" : "further addresses of the client's certificate";
    "auto_config.enabled" Bool "false" : "client: get the configuration from the servers";
    "auto_config.intro_token" Secret "" : "token the client introduces itself with";
    "auto_config.intro_token_file" Text ""
        : "file that holds the token the client introduces itself with";
    "auto_config.server_addresses" List "" : "servers to get the configuration from";
    "auto_config.dns_sans" List "" : "further DNS names of the client's certificate";
    "auto_config.ip_sans" List "" : "further addresses of the client's certificate";
    "auto_config.authorization.enabled" Bool "false" : "server: give clients their configuration";
    "auto_config.authorization.static.allow_reuse" Bool "false"
        : "an introduction may be used again";
    "auto_config.authorization.static.oidc_discovery_url" Text ""
        : "where the keys of introductions are found";
    "auto_config.authorization.static.oidc_discovery_ca_cert" Text ""
        : "CA certificate of oidc_discovery_url";
    "auto_config.authorization.static.jwks_url" Text "" : "where the keys of introductions are";
    "auto_config.authorization.static.jwks_ca_cert" Text "" : "CA certificate of jwks_url";
    "auto_config.authorization.static.jwt_validation_pub_keys" List "" : "keys of introductions";
    "auto_config.authorization.static.jwt_supported_algs" List "" : "signatures that are accepted";
    "auto_config.authorization.static.bound_audiences" List "" : "audiences that are accepted";
    "auto_config.authorization.static.bound_issuer" Text "" : "issuer that is accepted";
    "auto_config.authorization.static.claim_assertions" List "" : "what must hold of the claims";
    "auto_config.authorization.static.claim_mappings" Map "" : "names of claims with one value";
    "auto_config.authorization.static.list_claim_mappings" Map ""
        : "names of claims with several values";
    "auto_config.authorization.static.expiration_leeway" Duration "0s"
        : "tolerance at the end of validity";
    "auto_config.authorization.static.not_before_leeway" Duration "0s"
        : "tolerance at the start of validity";
    "auto_config.authorization.static.clock_skew_leeway" Duration "0s"
        : "tolerance for clocks that differ";

    "connect.enabled" Bool "true" used : "certificates and intentions of the mesh";
    "connect.ca_provider" Text "consul" : "who signs certificates: consul, vault or aws-pca";
    "connect.ca_config" Object "" : "settings of the CA";
    "connect.enable_mesh_gateway_wan_federation" Bool "false"
        : "reach other datacenters through mesh gateways";
    "connect.enable_serverless_plugin" Bool "false" : "proxies may call functions";
    "peering.enabled" Bool "true" : "peering with other clusters";
    "peering.test_allow_peer_registrations" Bool "false"
        : "for tests: accept registrations of peers";
    "default_intention_policy" Text "" : "what holds where no intention matches: allow or deny";
    "enable_central_service_config" Bool "true"
        : "services take defaults from configuration entries";
    "config_entries.bootstrap" Objects "" reload : "configuration entries written at first start";
    "xds.update_max_per_second" Float "250" reload : "updates to proxies per second";
};
