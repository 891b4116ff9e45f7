// com.ecwid.consul:consul-api against a fresh agent: each step fails the run when it is not so.

import com.ecwid.consul.v1.ConsulClient;
import com.ecwid.consul.v1.QueryParams;
import com.ecwid.consul.v1.Response;
import com.ecwid.consul.v1.agent.model.NewService;
import com.ecwid.consul.v1.health.HealthServicesRequest;
import com.ecwid.consul.v1.health.model.HealthService;
import com.ecwid.consul.v1.kv.model.PutParams;
import com.ecwid.consul.v1.session.model.NewSession;
import java.util.List;

public class Client {
    static final ConsulClient consul = new ConsulClient("127.0.0.1", 8500);

    public static void main(String[] arguments) {
        services();
        keys();
        System.out.println("services, checks, keys and sessions");
        System.exit(0);
    }

    static void services() {
        NewService web = new NewService();
        web.setId("web1");
        web.setName("web");
        web.setTags(List.of("blue"));
        web.setAddress("127.0.0.1");
        web.setPort(9001);
        NewService.Check check = new NewService.Check();
        check.setTtl("30s");
        web.setCheck(check);
        consul.agentServiceRegister(web);
        must(passing(null).getValue().isEmpty(), "a TTL check is critical at first");
        consul.agentCheckPass("service:web1");
        Response<List<HealthService>> one = passing(null);
        must(one.getValue().size() == 1, "one instance passes");
        must(one.getValue().get(0).getService().getPort() == 9001, "its port");
        consul.agentCheckFail("service:web1", "tired");
        must(passing(one.getConsulIndex()).getValue().isEmpty(), "none passes");
        must(consul.getCatalogServices(com.ecwid.consul.v1.catalog.CatalogServicesRequest
            .newBuilder().build()).getValue().get("web").contains("blue"), "the catalog's tags");
        consul.agentServiceDeregister("web1");
    }

    static Response<List<HealthService>> passing(Long index) {
        QueryParams how = index == null ? QueryParams.DEFAULT : new QueryParams(5, index);
        return consul.getHealthServices("web",
            HealthServicesRequest.newBuilder().setPassing(true).setQueryParams(how).build());
    }

    static void keys() {
        must(consul.setKVValue("a/b", "one").getValue(), "a key is written");
        must(consul.getKVValue("a/b").getValue().getDecodedValue().equals("one"), "and read");
        NewSession session = new NewSession();
        session.setName("lock");
        String id = consul.sessionCreate(session, QueryParams.DEFAULT).getValue();
        PutParams acquire = new PutParams();
        acquire.setAcquireSession(id);
        must(consul.setKVValue("lock", "", acquire).getValue(), "a lock is taken");
        consul.sessionDestroy(id, QueryParams.DEFAULT);
        must(consul.getKVValue("lock").getValue().getSession() == null, "and released");
    }

    static void must(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
