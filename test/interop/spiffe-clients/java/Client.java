import io.spiffe.bundle.jwtbundle.JwtBundleSet;
import io.spiffe.spiffeid.SpiffeId;
import io.spiffe.svid.jwtsvid.JwtSvid;
import io.spiffe.svid.x509svid.X509Svid;
import io.spiffe.workloadapi.DefaultWorkloadApiClient;
import io.spiffe.workloadapi.DefaultX509Source;
import io.spiffe.workloadapi.Watcher;
import io.spiffe.workloadapi.WorkloadApiClient;
import io.spiffe.workloadapi.X509Context;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Consumer;

/**
 * A workload that takes its identity from java-spiffe. Commands and events are those of every program of this suite: see the
 * README.
 */
final class Client {
  public static void main(String[] arguments) throws Exception {
    List<String> rest = Arrays.asList(arguments).subList(Math.min(1, arguments.length), arguments.length);
    switch (arguments.length == 0 ? "" : arguments[0]) {
      case "fetch" -> fetch(rest);
      case "watch" -> watch();
      case "jwt" -> tokens();
      case "serve" -> Tls.serve(rest.get(0));
      case "dial" -> Tls.dial(rest);
      default -> {
        System.err.println("usage: Client fetch AUDIENCE... | watch | jwt | serve AUTHORIZE | dial [--every MS] AUTHORIZE@PORT...");
        System.exit(2);
      }
    }
    System.exit(0);
  }

  private static void fetch(List<String> audience) throws Exception {
    try (WorkloadApiClient client = DefaultWorkloadApiClient.newClient()) {
      Events.attempt("svid", () -> {
        Events.emit("svid", Material.svid(client.fetchX509Context().getDefaultSvid()));
        return null;
      });
      Events.attempt("x509", () -> {
        Events.emit("x509", Material.context(client.fetchX509Context()));
        return null;
      });
      Events.attempt("x509bundles", () -> {
        Events.emit("x509bundles", Map.of("bundles", Material.x509Bundles(client.fetchX509Bundles())));
        return null;
      });
      Events.attempt("jwtbundles", () -> {
        Events.emit("jwtbundles", Map.of("bundles", Material.jwtBundles(client.fetchJwtBundles())));
        return null;
      });
      fetchTokens(client, audience, null);
    }
    Events.emit("done", Map.of());
  }

  private static void fetchTokens(WorkloadApiClient client, List<String> audience, String subject) {
    String[] more = audience.subList(1, audience.size()).toArray(String[]::new);
    Events.attempt("jwt", () -> {
      List<JwtSvid> svids = subject == null
          ? client.fetchJwtSvids(audience.get(0), more)
          : client.fetchJwtSvids(SpiffeId.parse(subject), audience.get(0), more);
      Events.emit("jwt", Map.of("tokens", Material.tokens(svids)));
      return null;
    });
  }

  private static void tokens() throws Exception {
    try (WorkloadApiClient client = DefaultWorkloadApiClient.newClient()) {
      Events.eachLine(words -> {
        if (words[0].equals("fetch")) {
          fetchTokens(client, List.of(words[1].split(",")), words.length > 2 ? words[2] : null);
          return;
        }
        verdict("agent", () -> client.validateJwtSvid(words[2], words[1]));
        verdict("local", () -> JwtSvid.parseAndValidate(words[2], client.fetchJwtBundles(), Set.of(words[1])));
      });
    }
  }

  private static void verdict(String by, Callable<JwtSvid> judge) {
    try {
      Events.emit("valid", Map.of("by", by, "id", judge.call().getSpiffeId().toString()));
    } catch (Exception error) {
      Events.emitError("invalid", Map.of("by", by), error);
    }
  }

  private static void watch() throws Exception {
    WorkloadApiClient client = DefaultWorkloadApiClient.newClient();
    client.watchX509Context(watcher("x509", (X509Context context) -> Events.emit("x509", Material.context(context))));
    client.watchJwtBundles(watcher("jwtbundles",
        (JwtBundleSet bundles) -> Events.emit("jwtbundles", Map.of("bundles", Material.jwtBundles(bundles)))));
    Thread follower = new Thread(() -> Events.attempt("source", Client::follow));
    follower.setDaemon(true);
    follower.start();
    Events.eachLine(words -> { });
  }

  /** The library calls `onError` once it gives up; what it tries again it keeps to itself. */
  private static <T> Watcher<T> watcher(String call, Consumer<T> update) {
    return new Watcher<>() {
      @Override
      public void onUpdate(T value) {
        update.accept(value);
      }

      @Override
      public void onError(Throwable error) {
        Events.emitError("ended", Map.of("call", call), error);
      }
    };
  }

  /** The source tells nobody of a change, so it is looked at again and again. */
  private static Void follow() throws Exception {
    DefaultX509Source source = DefaultX509Source.newSource();
    X509Svid last = null;
    while (true) {
      X509Svid svid = source.getX509Svid();
      if (svid != last) Events.emit("source", Material.svid(svid));
      last = svid;
      Thread.sleep(100);
    }
  }
}
