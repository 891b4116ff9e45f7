//! Rows: who the node is, where it listens, whom it joins.

use super::{Kind, Row, group};

pub const ROWS: &[Row] = group! {
    "node_name" Text "" flag("node") used : "name of the node; the name of the host if empty";
    "node_id" Text "" flag("node-id") used : "id of the node, a UUID; made at first start if empty";
    "node_meta" Map "" flag("node-meta") used reload
        : "names and values that describe the node";
    "datacenter" Text "dc1" flag("datacenter") used : "datacenter the node is in";
    "primary_datacenter" Text "" used : "datacenter that holds ACLs, intentions and the root CA";
    "domain" Text "consul." flag("domain") used : "DNS domain that is answered";
    "alt_domain" Text "" flag("alt-domain") used : "second DNS domain that is answered";
    "locality.region" Text "" used : "region the node is in";
    "locality.zone" Text "" used : "zone of the region the node is in";
    "tagged_addresses" Map "" used : "further addresses of the node by name";

    "bind_addr" Text "0.0.0.0" dev("127.0.0.1") flag("bind") used
        : "address for traffic within the cluster";
    "client_addr" Text "127.0.0.1" flag("client") used : "addresses for clients: HTTP, DNS, gRPC";
    "addresses.dns" Text "" used : "addresses for DNS; client_addr if empty";
    "addresses.http" Text "" used
        : "addresses for HTTP, or unix:// and a path; client_addr if empty";
    "addresses.https" Text "" used
        : "addresses for HTTPS, or unix:// and a path; client_addr if empty";
    "addresses.grpc" Text "" : "addresses for gRPC, or unix:// and a path; client_addr if empty";
    "addresses.grpc_tls" Text "" : "addresses for gRPC over TLS; client_addr if empty";
    "advertise_addr" Text "" flag("advertise") used
        : "address others reach the node at; bind_addr if empty";
    "advertise_addr_ipv4" Text "" used : "IPv4 address others reach the node at";
    "advertise_addr_ipv6" Text "" used : "IPv6 address others reach the node at";
    "advertise_addr_wan" Text "" flag("advertise-wan") used
        : "address other datacenters reach the node at";
    "advertise_addr_wan_ipv4" Text "" used : "IPv4 address other datacenters reach the node at";
    "advertise_addr_wan_ipv6" Text "" used : "IPv6 address other datacenters reach the node at";
    "serf_lan" Text "" flag("serf-lan-bind")
        : "address of gossip within the datacenter; bind_addr if empty";
    "serf_wan" Text "" flag("serf-wan-bind")
        : "address of gossip between datacenters; bind_addr if empty";
    "serf_lan_allowed_cidrs" List "" flag("serf-lan-allowed-cidrs")
        : "networks gossip within the datacenter is taken from";
    "serf_wan_allowed_cidrs" List "" flag("serf-wan-allowed-cidrs")
        : "networks gossip between datacenters is taken from";
    "translate_wan_addrs" Bool "false" : "answer with WAN addresses for other datacenters";
    "unix_sockets.user" Text "" used : "owner of unix sockets, name or number";
    "unix_sockets.group" Text "" used : "group of unix sockets, name or number";
    "unix_sockets.mode" Text "" used : "permissions of unix sockets, in octal";

    "ports.dns" Int "8600" flag("dns-port") used : "port of DNS, -1 for none";
    "ports.http" Int "8500" flag("http-port") used : "port of HTTP, -1 for none";
    "ports.https" Int "-1" flag("https-port") used : "port of HTTPS, -1 for none";
    "ports.grpc" Int "-1" dev("8502") flag("grpc-port") : "port of gRPC, -1 for none";
    "ports.grpc_tls" Int "" flag("grpc-tls-port")
        : "port of gRPC over TLS, -1 for none; 8503 on servers";
    "ports.server" Int "8300" flag("server-port") used
        : "port of servers for traffic within the cluster";
    "ports.serf_lan" Int "8301" flag("serf-lan-port") : "port of gossip within the datacenter";
    "ports.serf_wan" Int "8302" flag("serf-wan-port")
        : "port of gossip between datacenters, -1 for none";
    "ports.sidecar_min_port" Int "21000" used : "first port given to sidecars";
    "ports.sidecar_max_port" Int "21255" used : "last port given to sidecars";
    "ports.expose_min_port" Int "21500" used : "first port given to exposed checks";
    "ports.expose_max_port" Int "21755" used : "last port given to exposed checks";
    "ports.proxy_min_port" Int "20000" : "has no effect";
    "ports.proxy_max_port" Int "20255" : "has no effect";

    "retry_join" List "" flag("retry-join") : "agents to join, tried until one answers";
    "retry_join_wan" List "" flag("retry-join-wan")
        : "servers of other datacenters to join, tried until one answers";
    "retry_interval" Duration "30s" flag("retry-interval") : "time between attempts to join";
    "retry_interval_wan" Duration "30s" flag("retry-interval-wan")
        : "time between attempts to join other datacenters";
    "retry_max" Int "0" flag("retry-max")
        : "attempts to join before the agent gives up, 0 for no end";
    "retry_max_wan" Int "0" flag("retry-max-wan")
        : "attempts to join other datacenters before the agent gives up, 0 for no end";
    "primary_gateways" List "" flag("primary-gateway") : "mesh gateways of the primary datacenter";
    "primary_gateways_interval" Duration "30s" : "time between attempts to reach primary_gateways";
    "rejoin_after_leave" Bool "false" flag("rejoin")
        : "join the cluster again after having left it";
    "reconnect_timeout" Duration "72h" : "when a failed node is forgotten";
    "reconnect_timeout_wan" Duration "72h"
        : "when a failed server of another datacenter is forgotten";
    "advertise_reconnect_timeout" Duration "0s" : "when others forget this client after it failed";
    "server_rejoin_age_max" Duration "168h" : "a server that was away longer does not start";

    "encrypt" Secret "" flag("encrypt") : "key of gossip: 16, 24 or 32 bytes in base64";
    "encrypt_verify_incoming" Bool "true" : "refuse incoming gossip that is not encrypted";
    "encrypt_verify_outgoing" Bool "true" : "encrypt outgoing gossip";
    "disable_keyring_file" Bool "false" dev("true") flag("disable-keyring-file")
        : "do not keep gossip keys on disk";
    "gossip_lan.gossip_interval" Duration "200ms" dev("100ms")
        : "time between gossip messages within the datacenter";
    "gossip_lan.gossip_nodes" Int "3" : "nodes gossiped to at a time within the datacenter";
    "gossip_lan.probe_interval" Duration "1s" dev("100ms")
        : "time between probes within the datacenter";
    "gossip_lan.probe_timeout" Duration "500ms" dev("100ms")
        : "time a probe may take within the datacenter";
    "gossip_lan.suspicion_mult" Int "4" dev("3") : "how long a suspected node has to answer";
    "gossip_lan.retransmit_mult" Int "4" : "how often a message is sent on";
    "gossip_wan.gossip_interval" Duration "500ms" dev("100ms")
        : "time between gossip messages to other datacenters";
    "gossip_wan.gossip_nodes" Int "3" : "nodes gossiped to at a time in other datacenters";
    "gossip_wan.probe_interval" Duration "5s" dev("100ms")
        : "time between probes of other datacenters";
    "gossip_wan.probe_timeout" Duration "3s" dev("100ms")
        : "time a probe of another datacenter may take";
    "gossip_wan.suspicion_mult" Int "6" dev("3")
        : "how long a suspected server of another datacenter has to answer";
    "gossip_wan.retransmit_mult" Int "4" : "how often a message to other datacenters is sent on";
};
