// Discover finds a healthy instance of a service twice, by the HTTP API and by DNS, and calls it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

func main() {
	service := flag.String("service", "my-service", "service to find")
	dns := flag.String("dns", dnsFromEnv("127.0.0.1:8600"), "the agent's DNS; also $CONSUL_DNS_ADDR")
	timeout := flag.Duration("timeout", 10*time.Second, "limit for all of it")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	if err := run(ctx, *service, *dns); err != nil {
		log.Fatal(err)
	}
}

func dnsFromEnv(otherwise string) string {
	if address := os.Getenv("CONSUL_DNS_ADDR"); address != "" {
		return address
	}
	return otherwise
}

func run(ctx context.Context, service, dns string) error {
	ways := []struct {
		name string
		find func(context.Context) (string, error)
	}{
		{"health", func(ctx context.Context) (string, error) { return byHealth(ctx, service) }},
		{"dns", func(ctx context.Context) (string, error) { return byDNS(ctx, service, dns) }},
	}
	for _, way := range ways {
		address, err := way.find(ctx)
		if err != nil {
			return fmt.Errorf("by %s: %w", way.name, err)
		}
		answer, err := call(ctx, address)
		if err != nil {
			return fmt.Errorf("call %s: %w", address, err)
		}
		fmt.Printf("%s: %s says %q\n", way.name, address, answer)
	}
	return nil
}

// byHealth asks for instances of which every check passes.
func byHealth(ctx context.Context, service string) (string, error) {
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		return "", err
	}
	options := (&api.QueryOptions{}).WithContext(ctx)
	entries, _, err := client.Health().Service(service, "", true, options)
	if err != nil {
		return "", err
	}
	if len(entries) == 0 {
		return "", errors.New("no healthy instance")
	}
	host := entries[0].Service.Address
	if host == "" {
		// A service without an address of its own has its node's.
		host = entries[0].Node.Address
	}
	return net.JoinHostPort(host, strconv.Itoa(entries[0].Service.Port)), nil
}

// byDNS asks the agent's DNS for the same; only healthy instances are in its answers.
func byDNS(ctx context.Context, service, dns string) (string, error) {
	resolver := &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, dns)
		},
	}
	_, records, err := resolver.LookupSRV(ctx, "", "", service+".service.consul.")
	if err != nil {
		return "", err
	}
	addresses, err := resolver.LookupHost(ctx, records[0].Target)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(addresses[0], strconv.Itoa(int(records[0].Port))), nil
}

func call(ctx context.Context, address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return strings.TrimSpace(string(body)), err
}
