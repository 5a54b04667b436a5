// Writes src/kafka/stream/records/of-kafka-4.4.0.txt: records of __consumer_offsets by the classes of Kafka itself, and what they mean.
// java -cp "target/kafka/4.4.0/broker/*" tests/it/kafka/CommitRecords.java > src/kafka/stream/records/of-kafka-4.4.0.txt
import org.apache.kafka.coordinator.group.generated.*;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.Uuid;
import java.util.*;
public class CommitRecords {
 static String hex(byte[] b){ if(b==null) return "-"; return HexFormat.of().formatHex(b); }
 static byte[] key(ApiMessage k){ return MessageUtil.toCoordinatorTypePrefixedBytes(k); }
 static byte[] val(short v, Message m){ return MessageUtil.toVersionPrefixedBytes(v,m); }
 static void line(String expected, byte[] k, byte[] v){ System.out.println(hex(k)+" "+hex(v)+" "+expected); }
 public static void main(String[] a) throws Exception {
  var k = new OffsetCommitKey().setGroup("payments").setTopic("orders").setPartition(7);
  for (short v=0; v<=4; v++) {
   var m = new OffsetCommitValue().setOffset(1234567890123L).setMetadata("m").setCommitTimestamp(1700000000123L);
   if (v>=3) m.setLeaderEpoch(5);
   if (v==1) m.setExpireTimestamp(1700000999999L);
   line("committed payments orders 7 1234567890123 1700000000123 -", key(k), val(v,m));
  }
  var id = Uuid.fromString("AAECAwQFBgcICQoLDA0ODw");
  line("committed payments orders 7 42 1700000000123 000102030405060708090a0b0c0d0e0f", key(k), val((short)4,new OffsetCommitValue().setOffset(42).setLeaderEpoch(-1).setMetadata("x".repeat(300)).setCommitTimestamp(1700000000123L).setTopicId(id)));
  line("committed payments orders 7 0 1700000000123 -", key(k), val((short)4,new OffsetCommitValue().setOffset(0).setMetadata("").setCommitTimestamp(1700000000123L)));
  var longKey = new OffsetCommitKey().setGroup("g".repeat(300)).setTopic("t".repeat(249)).setPartition(0);
  line("committed "+"g".repeat(300)+" "+"t".repeat(249)+" 0 9 1700000000123 -", key(longKey), val((short)3,new OffsetCommitValue().setOffset(9).setMetadata("ü").setCommitTimestamp(1700000000123L)));
  line("uncommitted payments orders 7", key(k), null);
  line("uncommitted payments orders 7", key(new LegacyOffsetCommitKey().setGroup("payments").setTopic("orders").setPartition(7)), null);
  line("committed payments orders 7 3 1700000000123 -", key(new LegacyOffsetCommitKey().setGroup("payments").setTopic("orders").setPartition(7)), val((short)0,new OffsetCommitValue().setOffset(3).setMetadata("").setCommitTimestamp(1700000000123L)));
  for (short v=0; v<=4; v++) {
   var member = new GroupMetadataValue.MemberMetadata().setMemberId("id").setClientId("c").setClientHost("/h").setSessionTimeout(45000).setSubscription(new byte[]{1,2}).setAssignment(new byte[]{3});
   var m = new GroupMetadataValue().setProtocolType("consumer").setGeneration(17).setProtocol("range").setLeader("id").setMembers(List.of(member));
   line("generation payments 17", key(new GroupMetadataKey().setGroup("payments")), val(v,m));
  }
  line("generation payments 18", key(new GroupMetadataKey().setGroup("payments")), val((short)3,new GroupMetadataValue().setProtocolType("consumer").setGeneration(18).setProtocol(null).setLeader(null).setMembers(List.of())));
  line("ended payments", key(new GroupMetadataKey().setGroup("payments")), null);
  line("generation search 4", key(new ConsumerGroupMetadataKey().setGroupId("search")), val((short)0,new ConsumerGroupMetadataValue().setEpoch(4)));
  line("generation search 5", key(new ConsumerGroupMetadataKey().setGroupId("search")), val((short)0,new ConsumerGroupMetadataValue().setEpoch(5).setMetadataHash(77)));
  line("ended search", key(new ConsumerGroupMetadataKey().setGroupId("search")), null);
  line("generation shares 6", key(new ShareGroupMetadataKey().setGroupId("shares")), val((short)0,new ShareGroupMetadataValue().setEpoch(6).setMetadataHash(1)));
  line("generation streams 8", key(new StreamsGroupMetadataKey().setGroupId("streams")), val((short)0,new StreamsGroupMetadataValue().setEpoch(8).setMetadataHash(1).setValidatedTopologyEpoch(1)));
  line("other", key(new ConsumerGroupMemberMetadataKey().setGroupId("search").setMemberId("m")), null);
  line("other", key(new ConsumerGroupTargetAssignmentMetadataKey().setGroupId("search")), val((short)0,new ConsumerGroupTargetAssignmentMetadataValue().setAssignmentEpoch(4)));
  line("other", key(new ConsumerGroupCurrentMemberAssignmentKey().setGroupId("search").setMemberId("m")), val((short)0,new ConsumerGroupCurrentMemberAssignmentValue().setMemberEpoch(4).setState((byte)0).setAssignedPartitions(List.of()).setPartitionsPendingRevocation(List.of())));
  line("other", key(new ConsumerGroupRegularExpressionKey().setGroupId("search").setRegularExpression("a.*")), null);
 }}
