// Register makes a service known to the agent and then serves it.
//
// The check says how often and how long to try, and not what: the agent then connects to the
// address and port that the service gives to its clients. The service may start after it has
// registered, which -delay shows.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/hashicorp/consul/api"
)

func main() {
	port := flag.Int("port", portFromEnv(8080), "port to serve on; also $PORT")
	delay := flag.Duration("delay", 0, "time between registering and listening")
	flag.Parse()
	if err := run(*port, *delay); err != nil {
		log.Fatal(err)
	}
}

func portFromEnv(otherwise int) int {
	if port, err := strconv.Atoi(os.Getenv("PORT")); err == nil {
		return port
	}
	return otherwise
}

func run(port int, delay time.Duration) error {
	// The address, the token and the rest come from the CONSUL_* variables.
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		return err
	}
	service := &api.AgentServiceRegistration{
		ID:   "my-service",
		Name: "my-service",
		Tags: []string{"web"},
		Port: port,
		Check: &api.AgentServiceCheck{
			Interval:                       "10s",
			Timeout:                        "2s",
			DeregisterCriticalServiceAfter: "10s",
		},
	}
	if err := client.Agent().ServiceRegister(service); err != nil {
		return err
	}
	log.Printf("registered %s on port %d", service.ID, port)

	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	select {
	case <-time.After(delay):
	case <-stop.Done():
		return client.Agent().ServiceDeregister(service.ID)
	}
	return serve(stop, client, service)
}

func serve(stop context.Context, client *api.Client, service *api.AgentServiceRegistration) error {
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", service.Port))
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "hello from %s\n", service.ID)
		}),
		ReadHeaderTimeout: 5 * time.Second,
	}
	go func() {
		<-stop.Done()
		// A service that ends on purpose says so; one that is killed is removed by its check.
		if err := client.Agent().ServiceDeregister(service.ID); err != nil {
			log.Print(err)
		}
		_ = server.Close()
	}()
	log.Printf("listening on %s", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
