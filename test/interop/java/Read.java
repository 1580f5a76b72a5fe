import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.source.ImmutableJWKSet;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads samples with Nimbus, and says what it thinks of them: one JSON object a line. */
public final class Read {
  private static final Set<JWSAlgorithm> ALGORITHMS =
      Set.of(JWSAlgorithm.ES256, JWSAlgorithm.ES384, JWSAlgorithm.RS256);
  private static final String READER = "nimbus";

  private final Path folder;

  private Read(Path folder) {
    this.folder = folder;
  }

  private String content(Object name) throws Exception {
    return Files.readString(folder.resolve((String) name));
  }

  private JWKSet keySet(Map<String, Object> sample) throws Exception {
    return JWKSet.parse(content(sample.get("keys")));
  }

  private Map<String, Object> readKeys(Map<String, Object> sample) throws Exception {
    List<String> kids = new ArrayList<>(keySet(sample).getKeys().stream().map(JWK::getKeyID).sorted().toList());
    // A key that is left out counts as refused, since a spoiled document has no other.
    if (sample.containsKey("breaks") && kids.isEmpty()) throw new IllegalArgumentException("nothing in it is usable");
    return Map.of("kids", kids);
  }

  private Map<String, Object> readToken(Map<String, Object> sample) throws Exception {
    boolean isAccessToken = sample.get("kind").equals("access-token");
    JWTClaimsSet.Builder exact = new JWTClaimsSet.Builder();
    if (isAccessToken) exact.issuer((String) sample.get("issuer"));
    DefaultJWTClaimsVerifier<SecurityContext> claims =
        new DefaultJWTClaimsVerifier<>((String) sample.get("audience"), exact.build(), Set.of("exp"));
    claims.setMaxClockSkew(0);
    DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();
    processor.setJWSKeySelector(new JWSVerificationKeySelector<>(ALGORITHMS, new ImmutableJWKSet<>(keySet(sample))));
    processor.setJWTClaimsSetVerifier(claims);
    // For JWT-SVIDs any type: the rule about it is not one of JWT's own.
    processor.setJWSTypeVerifier(
        isAccessToken
            ? new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt"))
            : new DefaultJOSEObjectTypeVerifier<>(JOSEObjectType.JWT, new JOSEObjectType("at+jwt"), null));
    String token = content(sample.get("token"));
    processor.process(token, null);
    return SignedJWT.parse(token).getPayload().toJSONObject();
  }

  private Map<String, Object> verdict(Map<String, Object> sample) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("reader", READER);
    line.put("sample", sample.get("name"));
    try {
      line.put("facts", sample.get("kind").equals("jwks") ? readKeys(sample) : readToken(sample));
      line.put("accepts", true);
    } catch (Exception refused) {
      line.put("accepts", false);
      line.put("detail", String.valueOf(refused.getMessage()));
    }
    return line;
  }

  @SuppressWarnings("unchecked")
  public static void main(String[] args) throws Exception {
    Read read = new Read(Path.of(args[0]));
    List<String> kinds = List.of("jwt-svid", "access-token", "jwks");
    List<String> rules = List.of("jwt", "access-token", "keys");
    System.out.println(JSONObjectUtils.toJSONString(Map.of("reader", READER, "kinds", kinds, "rules", rules)));
    List<Object> samples = (List<Object>) JSONObjectUtils.parse(read.content("manifest.json")).get("samples");
    for (Object each : samples) {
      Map<String, Object> sample = (Map<String, Object>) each;
      if (kinds.contains(sample.get("kind"))) System.out.println(JSONObjectUtils.toJSONString(read.verdict(sample)));
    }
  }
}
