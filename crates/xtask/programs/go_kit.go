// go-kit's instancer prints the instances it knows whenever they change.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/go-kit/kit/sd"
	consulsd "github.com/go-kit/kit/sd/consul"
	"github.com/go-kit/log"
	"github.com/hashicorp/consul/api"
)

func main() {
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	logger := log.NewLogfmtLogger(os.Stderr)
	instancer := consulsd.NewInstancer(consulsd.NewClient(client), logger, "web", []string{}, true)
	events := make(chan sd.Event)
	go instancer.Register(events)
	for event := range events {
		sort.Strings(event.Instances)
		fmt.Println("instances:", strings.Join(event.Instances, " "))
	}
}
