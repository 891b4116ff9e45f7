// Config is a web server whose greeting is a key of the key/value store. A change of the key is
// seen at once and needs no restart.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/consul/api"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8081", "address to serve on")
	key := flag.String("key", "config/greeting", "key that holds the greeting")
	flag.Parse()
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		log.Fatal(err)
	}
	var greeting atomic.Value
	greeting.Store("hello")
	go follow(client, *key, func(value string) {
		log.Printf("greeting is now %q", value)
		greeting.Store(value)
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, greeting.Load())
	})
	log.Printf("listening on %s", *listen)
	server := &http.Server{Addr: *listen, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// follow calls changed with each value of the key. A query with an index is answered only when the
// key has changed since, so this neither polls nor lags.
func follow(client *api.Client, key string, changed func(string)) {
	var index uint64
	var last *api.KVPair
	for {
		pair, meta, err := client.KV().Get(key, &api.QueryOptions{WaitIndex: index})
		if err != nil {
			log.Print(err)
			time.Sleep(time.Second)
			continue
		}
		switch {
		case meta.LastIndex < index:
			// The servers were restored from a snapshot: begin anew.
			index = 0
		default:
			index = max(meta.LastIndex, 1)
		}
		if pair != nil && (last == nil || last.ModifyIndex != pair.ModifyIndex) {
			changed(string(pair.Value))
		}
		last = pair
	}
}
